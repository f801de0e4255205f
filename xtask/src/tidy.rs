//! Rules about the workspace that no compiler checks. Each broken one prints a sentence that
//! teaches it.

mod files;
mod layers;
mod manifests;
mod map;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// Checks every rule and names all that is broken.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut broken = layers::check(&workspace.packages);
    broken.extend(manifests::check(workspace)?);
    broken.extend(files::check(workspace)?);
    broken.extend(map::check(workspace)?);
    if broken.is_empty() {
        println!("tidy: {} crates are in order", workspace.packages.len());
        Ok(())
    } else {
        bail!("{} rules are broken\n  {}", broken.len(), broken.join("\n  "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_tidy() -> Result<()> {
        run(&Workspace::open()?)
    }
}
