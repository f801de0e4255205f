//! The one order in which permissions are resolved.

use crate::{Action, Caller, Effect, Entry, Grants, Principal};

/// Whether a caller may do something to a document.
///
/// Any matching deny → no; else any matching allow → yes; else the collection's base grants; else
/// no. Every caller is also the public: for allows and base grants always, for a deny only when
/// they are anonymous.
pub fn resolve(caller: &Caller, action: Action, entries: &[Entry], grants: &Grants) -> bool {
    let is = |principal: &Principal| caller.principals().contains(principal);
    let is_denied =
        |principal: &Principal| is(principal) && (*principal != Principal::Public || caller.is_anonymous());
    let mut matching = entries.iter().filter(|it| it.action == action);
    if matching.clone().any(|it| it.effect == Effect::Deny && is_denied(&it.principal)) {
        return false;
    }
    matching.any(|it| it.effect == Effect::Allow && is(&it.principal))
        || caller.principals().iter().any(|it| grants.allows(it, action))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(caller: &Caller, entries: &[(&str, Effect)], expected: bool) {
        let grants = Grants::default().allow(Principal::Role("editor".to_owned()), [Action::Read]);
        let entries: Vec<_> = entries
            .iter()
            .map(|(who, effect)| Entry {
                principal: who.parse().unwrap(),
                action: Action::Read,
                effect: *effect,
            })
            .collect();
        assert_eq!(resolve(caller, Action::Read, &entries, &grants), expected, "{caller:?} {entries:?}");
    }

    #[test]
    fn deny_beats_allow_beats_grants_beats_nothing() {
        use Effect::{Allow, Deny};
        let editor = Caller::signed_in([Principal::User("u".into()), Principal::Role("editor".into())]);
        let viewer = Caller::signed_in([Principal::User("v".into())]);
        let anonymous = Caller::anonymous();
        check(&editor, &[], true);
        check(&viewer, &[], false);
        check(&anonymous, &[], false);
        check(&viewer, &[("user:v", Allow)], true);
        check(&editor, &[("user:u", Deny)], false);
        check(&editor, &[("user:u", Allow), ("role:editor", Deny)], false);
        check(&viewer, &[("public", Allow)], true);
        check(&anonymous, &[("public", Allow)], true);
        check(&anonymous, &[("public", Allow), ("public", Deny)], false);
        check(&editor, &[("public", Deny)], true);
        check(&Caller::signed_in([]), &[("public", Allow)], true);
        check(&Caller::signed_in([]), &[("user:v", Allow), ("public", Deny)], false);
        check(&Caller::signed_in([Principal::admin()]), &[], true);
        check(&Caller::signed_in([Principal::admin()]), &[("role:admin", Deny)], false);
    }
}
