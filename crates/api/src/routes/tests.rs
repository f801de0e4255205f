//! What the table says, and what can be checked of it.

use std::collections::BTreeSet;

use super::*;

#[test]
fn each_route_is_there_once_and_has_a_name_of_its_own() {
    let addresses: BTreeSet<_> = ROUTES.iter().map(|it| (it.method.key(), it.path)).collect();
    let names: BTreeSet<_> = ROUTES.iter().map(|it| it.name).collect();
    assert_eq!((addresses.len(), names.len()), (ROUTES.len(), ROUTES.len()));
    // The name of a collection follows after `_`: no two routes of two collections meet.
    assert!(names.iter().all(|it| it.bytes().all(|byte| byte.is_ascii_alphabetic())));
}

#[test]
fn what_is_written_can_be_refused_as_a_write() {
    for route in ROUTES.iter().filter(|it| it.is_of_collection()) {
        let Route { method, path, .. } = route;
        let writes = !matches!(route.answer, Answer::Read(_));
        let refusals = route.refusals();
        assert!(refusals.contains(&StatusCode::NOT_FOUND), "{path}");
        assert_eq!(refusals.contains(&StatusCode::CONFLICT), writes, "{method:?} {path}");
        if writes {
            assert!(refusals.contains(&StatusCode::FORBIDDEN), "{method:?} {path}");
        }
        let tags = [Parameter::IfMatch, Parameter::NeededIfMatch];
        let takes_tag = route.parameters.iter().any(|it| tags.contains(it));
        assert_eq!(refusals.contains(&StatusCode::PRECONDITION_FAILED), takes_tag, "{method:?} {path}");
    }
}
