//! Keeps `src/bundle.rs` true to `migrations/`.

use std::{fs, path::Path};

#[test]
fn the_bundle_is_what_the_migrations_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files: Vec<_> = fs::read_dir(root.join("../../migrations"))
        .unwrap()
        .map(|it| it.unwrap())
        .map(|it| (it.file_name().into_string().unwrap(), fs::read(it.path()).unwrap()))
        .filter(|(name, _)| !name.starts_with('.'))
        .collect();
    let text = stratus_migrations::codegen::bundle(&files).unwrap();
    let is_current = fs::read_to_string(root.join("src/bundle.rs")).unwrap() == text;
    assert!(is_current, "src/bundle.rs does not say what migrations/ says: run `cargo xtask codegen`");
}
