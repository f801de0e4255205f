//! What the command line says, and what it ends with.

use std::process::Command;

use crate::process::{clean, finish, folder, stratus};

fn help(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stratus"));
    clean(&mut command).args(arguments).arg("--help");
    finish(command).expect(0).stdout
}

#[test]
fn help_is_what_it_was() {
    let commands: [&[&str]; 16] = [
        &[],
        &["serve"],
        &["migrate"],
        &["migrate", "status"],
        &["migrate", "up"],
        &["collections"],
        &["collections", "check"],
        &["export"],
        &["import"],
        &["doctor"],
        &["sweep"],
        &["settings"],
        &["settings", "list"],
        &["settings", "get"],
        &["settings", "set"],
        &["settings", "remove"],
    ];
    for command in commands {
        let name = ["help"].iter().chain(command).copied().collect::<Vec<_>>().join("_");
        insta::assert_snapshot!(name, help(command));
    }
}

#[test]
fn mistakes_on_the_command_line_end_with_2() {
    let data = folder();
    let mistakes: [&[&str]; 9] = [
        &[],
        &["sreve"],
        &["serve", "--nothing"],
        &["serve", "--listen", "8080"],
        &["serve", "--request-timeout", "0"],
        &["serve", "--sweep-interval", "soon"],
        &["serve", "--synchronous", "off"],
        &["serve", "--demo", "--collections", "."],
        &["doctor", "--log", "stratus=loud"],
    ];
    for arguments in mistakes {
        let said = finish(stratus(data.path(), arguments)).expect(2);
        assert!(said.stdout.is_empty() && said.stderr.contains("--help"), "{said:#?}");
    }
    let mut bare = Command::new(env!("CARGO_BIN_EXE_stratus"));
    clean(&mut bare);
    assert!(finish(bare).expect(2).stderr.contains("Usage: stratus"));
}

#[test]
fn the_environment_stands_in_for_options() {
    let data = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_stratus"));
    clean(&mut command).args(["migrate", "up"]).env("STRATUS_DATA", data.path());
    command.env("STRATUS_COLLECTIONS", crate::process::demo_collections());
    assert!(finish(command).expect(0).stdout.contains("added index ix_"));
    assert!(data.path().join("stratus.db").exists());
}
