//! The glue of wasm-bindgen as a function that makes programs, each with an instance of its own.
//!
//! The glue is a module with one instance in it. A Worker needs a second one when the first has
//! panicked: requests that are on their way in the first must not end up in the second. So what is
//! inside the module becomes the inside of `instantiate(module)`, which hands back what it exports.

use anyhow::{Context as _, Result, ensure};

/// The text of `program.js`.
pub(crate) fn from_glue(glue: &str) -> Result<String> {
    let (mut imports, mut inside, mut exports) = (String::new(), String::new(), Vec::new());
    for line in glue.lines() {
        if line.starts_with("import ") {
            imports.push_str(line);
            imports.push('\n');
            continue;
        }
        let line = match line.strip_prefix("export ") {
            // The last line, which names what loads the module: here that is us.
            Some(names) if names.starts_with('{') => continue,
            Some(declared) => {
                exports.extend(function(declared)?);
                declared
            }
            None => line,
        };
        inside.push_str(line);
        inside.push('\n');
    }
    ensure!(inside.contains("function initSync("), "the glue of wasm-bindgen has no `initSync`");
    let exports = exports.join(", ");
    Ok(format!(
        "{imports}\nexport function instantiate(module) {{\n{inside}\ninitSync({{ module }});\n\
         return {{ {exports} }};\n}}\n"
    ))
}

/// The name of an exported function; classes are not asked for.
fn function(declared: &str) -> Result<Option<&str>> {
    let Some(rest) = declared.strip_prefix("function ").or_else(|| declared.strip_prefix("async function "))
    else {
        ensure!(declared.starts_with("class "), "the glue of wasm-bindgen exports `{declared}`");
        return Ok(None);
    };
    Ok(Some(rest.split_once('(').context("a function without parameters in the glue of wasm-bindgen")?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_becomes_a_function() -> Result<()> {
        let glue = "import { state } from './snippet.js';\nexport class A {\n}\n\
            export function fetch(a) {\n    return wasm.fetch(a);\n}\nlet wasm;\nfunction initSync(module) {}\n\
            export { initSync, init as default };\n";
        let program = from_glue(glue)?;
        assert_eq!(
            program,
            "import { state } from './snippet.js';\n\nexport function instantiate(module) {\nclass A {\n}\n\
             function fetch(a) {\n    return wasm.fetch(a);\n}\nlet wasm;\nfunction initSync(module) {}\n\
             \ninitSync({ module });\nreturn { fetch };\n}\n"
        );
        assert!(from_glue("export const a = 1;\nfunction initSync() {}\n").is_err());
        assert!(from_glue("export function fetch(a) {}\n").is_err());
        Ok(())
    }
}
