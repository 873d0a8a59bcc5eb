//! A new plugin's project: it builds and passes its tests at once.
//!
//! The SDKs are in no registry, so the project holds the one of the hub that made it, whole, in `vendor/lienthong`: it builds on a
//! machine that has nothing else of Lienthong's, and what it was written with is in its own history.

mod kit;
mod model;
mod python;
mod rust;
mod typescript;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

use lienthong_core::id::{PluginName, SchemaId};
use lienthong_core::manifest::Interface;
use serde_json::Value;

use super::{Error, Language};
use model::Model;

/// What project is wanted.
pub struct Wish<'a> {
    /// The plugin's name.
    pub name: &'a PluginName,
    /// What it is written in.
    pub language: Language,
    /// What it exports.
    pub interface: Interface,
    /// What its records are.
    pub schema: &'a SchemaId,
    /// The schema's document.
    pub document: &'a Value,
    /// The schema does not come with the hub: the project gets a copy.
    pub own_schema: bool,
}

/// Makes the project in a new folder.
///
/// # Errors
/// A folder that is there already, which is left alone; a schema without an example, for the first fixture is made of one; a
/// file that cannot be written.
pub fn create(wish: &Wish<'_>, folder: &Path) -> Result<(), Error> {
    let files = files(wish).ok_or_else(|| Error::Project {
        path: folder.to_owned(),
        message: format!("the schema {} has no `examples`, and the first fixture is made of one: give it a record", wish.schema),
    })?;
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above).map_err(Error::io(above))?;
    }
    fs::create_dir(folder).map_err(Error::io(folder))?;
    for (path, text) in files {
        let path = folder.join(path);
        if let Some(above) = path.parent() {
            fs::create_dir_all(above).map_err(Error::io(above))?;
        }
        fs::write(&path, text).map_err(Error::io(&path))?;
    }
    Ok(())
}

/// Paths within the project and their texts; nothing where the schema has no example.
fn files(wish: &Wish<'_>) -> Option<Vec<(PathBuf, String)>> {
    let words = Words::of(wish)?;
    let interface = wish.interface.as_str();
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    let mut put = |path: &str, text: String| files.push((path.into(), text));
    let template = |path: &str| words.fill(kit::text(&format!("plugins/templates/{path}")));

    put(".gitignore", template("any/gitignore"));
    put("README.md", template("any/README.md"));
    put("plugin.toml", template(&format!("any/plugin.{interface}.toml")));
    for (path, text) in kit::below(&format!("plugins/templates/any/{interface}")) {
        put(&format!("fixtures/{path}"), words.fill(text));
    }
    if wish.own_schema {
        put(&format!("schemas/{}.json", wish.schema), format!("{:#}\n", wish.document));
    }
    let schema = wish.schema.to_string();
    match wish.language {
        Language::Rust => {
            put("Cargo.toml", template("rust/package.toml") + &workspace());
            put("Cargo.lock", kit::text("plugins/Cargo.lock").to_owned());
            put("src/lib.rs", template(&format!("rust/{interface}.rs")));
            put("src/records.rs", rust::render(&words.model, &schema));
            sdk("plugins/sdk", "sdk/rust", &mut put);
            // The SDK reads the contract two folders above its own.
            sdk("wit", "wit", &mut put);
        }
        Language::JavaScript => {
            put("package.json", template("js/package.json"));
            put("package-lock.json", template("js/package-lock.json"));
            put("src/plugin.js", template(&format!("js/{interface}.js")));
            put("src/records.d.ts", typescript::render(&words.model, &schema));
            sdk("plugins/sdk-js", "sdk-js", &mut put);
        }
        Language::Python => {
            let module = &words.module;
            put("pyproject.toml", template("py/pyproject.toml"));
            put(&format!("src/{module}/__init__.py"), template(&format!("py/{interface}.py")));
            put(&format!("src/{module}/records.py"), python::render(&words.model, &schema));
            sdk("plugins/sdk-py", "sdk-py", &mut put);
        }
    }
    Some(files)
}

/// Copies a folder of the repository into `vendor/lienthong`.
fn sdk(from: &str, to: &str, put: &mut impl FnMut(&str, String)) {
    for (path, text) in kit::below(from) {
        let text = if path == Language::JavaScript.file() { without_development(text) } else { text.to_owned() };
        put(&format!("vendor/lienthong/{to}/{path}"), text);
    }
}

/// A package without what only its own developers install: npm would want all of it in the project's lock file.
fn without_development(package: &str) -> String {
    let mut text = package.to_owned();
    // As text: the order of its `exports` has a meaning.
    for key in ["scripts", "devDependencies"] {
        let begin = text.find(&format!(",\n  \"{key}\": {{"));
        let end = begin.and_then(|begin| Some(begin + text[begin..].find("\n  }")? + "\n  }".len()));
        if let (Some(begin), Some(end)) = (begin, end) {
            text.replace_range(begin..end, "");
        }
    }
    text
}

/// What the SDK inherits from its workspace: versions, lints and the profile that components are built with.
fn workspace() -> String {
    let text = kit::text("plugins/Cargo.toml");
    let begin = text.find("[workspace.package]").unwrap_or(text.len());
    text[begin..].replace("lienthong-sdk = { path = \"sdk\" }", "lienthong-sdk = { path = \"vendor/lienthong/sdk/rust\" }")
}

/// What the placeholders of the templates stand for.
struct Words {
    model: Model,
    module: String,
    pairs: Vec<(&'static str, String)>,
}

impl Words {
    fn of(wish: &Wish<'_>) -> Option<Self> {
        let (_, schema_name) = wish.schema.name().split_once('/')?;
        let example = wish.document.get("examples")?.get(0)?;
        let model = Model::read(schema_name, wish.document);
        let page = serde_json::json!({ "items": [example], "next": "41" });
        let module = wish.name.as_str().replace('-', "_");
        let http = matches!(wish.interface, Interface::Source | Interface::Sink);
        let pairs = vec![
            ("__name__", wish.name.to_string()),
            ("__module__", module.clone()),
            ("__interface__", wish.interface.as_str().to_owned()),
            ("__schema__", wish.schema.to_string()),
            ("__Record__", model.record().to_owned()),
            ("__one__", words::one(schema_name).replace('-', " ")),
            ("__port__", schema_name.to_owned()),
            ("__features__", if http { "\"http\"".to_owned() } else { String::new() }),
            ("__example__", example.to_string()),
            // A text in JSON that is JSON itself.
            ("__page__", Value::from(page.to_string()).to_string()),
        ];
        Some(Self { model, module, pairs })
    }

    fn fill(&self, template: &str) -> String {
        self.pairs.iter().fold(template.to_owned(), |text, (mark, stands_for)| text.replace(mark, stands_for))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANGUAGES: [Language; 3] = [Language::Rust, Language::JavaScript, Language::Python];
    const INTERFACES: [Interface; 4] = [Interface::Source, Interface::Receiver, Interface::Transform, Interface::Sink];

    fn schemas() -> Vec<(SchemaId, Value)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
        let mut found = Vec::new();
        for domain in fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
            for file in fs::read_dir(&domain).unwrap().map(|entry| entry.unwrap().path()) {
                let (domain, stem) = (domain.file_name().unwrap().to_str().unwrap(), file.file_stem().unwrap().to_str().unwrap());
                let Ok(id) = SchemaId::new(&format!("{domain}/{stem}")) else { continue };
                found.push((id, serde_json::from_slice(&fs::read(&file).unwrap()).unwrap()));
            }
        }
        found
    }

    #[test]
    fn every_schema_makes_a_project_in_every_language_for_every_interface() {
        let name = PluginName::new("city-records").unwrap();
        let schemas = schemas();
        assert!(schemas.len() > 20, "only {} schemas were found", schemas.len());
        for (schema, document) in &schemas {
            for language in LANGUAGES {
                for interface in INTERFACES {
                    let wish = Wish { name: &name, language, interface, schema, document, own_schema: true };
                    let files = files(&wish).unwrap_or_else(|| panic!("{schema} has no example"));
                    let has = |wanted: &str| files.iter().any(|(path, text)| path.ends_with(wanted) && !text.is_empty());
                    assert!(
                        has(language.file()) && has("plugin.toml") && has("expect.ndjson") && has(&format!("{schema}.json")),
                        "{files:?}"
                    );
                    for (path, text) in files.iter().filter(|(path, _)| !path.starts_with("vendor")) {
                        let mark = ["__name__", "__module__", "__Record__", "__port__", "__schema__", "__example__", "__page__"];
                        assert!(!mark.iter().any(|mark| text.contains(mark)), "{schema} {language} {}", path.display());
                    }
                }
            }
        }
    }

    /// The types of every schema are read by a Python of this machine, if it has one.
    #[test]
    fn the_types_in_python_are_python() {
        let folder = tempfile::tempdir().unwrap();
        for (place, (schema, document)) in schemas().iter().enumerate() {
            let name = schema.name().split_once('/').unwrap().1;
            let text = python::render(&Model::read(name, document), &schema.to_string());
            fs::write(folder.path().join(format!("records{place}.py")), text).unwrap();
        }
        let check = "import sys, glob, typing, importlib\nsys.path.insert(0, sys.argv[1])\n\
                     for f in glob.glob(sys.argv[1] + '/*.py'):\n    m = importlib.import_module(f.split('/')[-1][:-3])\n    \
                     [typing.get_type_hints(c) for c in vars(m).values() if isinstance(c, type) and c.__module__ == m.__name__]\n";
        let status = std::process::Command::new("python3").args(["-c", check]).arg(folder.path()).status().unwrap();
        assert!(status.success());
    }

    #[test]
    fn a_package_loses_what_its_developers_need_and_nothing_else() {
        let text = without_development(kit::text("plugins/sdk-js/package.json"));
        let package: Value = serde_json::from_str(&text).unwrap();
        assert!(package.get("devDependencies").is_none() && package.get("scripts").is_none(), "{text}");
        assert!(package.get("exports").is_some() && text.find("\"types\"") < text.find("\"default\""), "{text}");
    }

    #[test]
    fn a_folder_that_is_there_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (schema, document) = &schemas()[0];
        let name = PluginName::new("a-b").unwrap();
        let wish = Wish { name: &name, language: Language::Python, interface: Interface::Sink, schema, document, own_schema: false };
        let place = folder.path().join("new/project");
        create(&wish, &place).unwrap();
        fs::write(place.join("plugin.toml"), "mine").unwrap();
        assert!(create(&wish, &place).is_err());
        assert_eq!(fs::read_to_string(place.join("plugin.toml")).unwrap(), "mine");
        let bare = serde_json::json!({ "type": "object" });
        let error = create(&Wish { document: &bare, ..wish }, &folder.path().join("other")).unwrap_err().to_string();
        assert!(error.contains("has no `examples`") && !folder.path().join("other").exists(), "{error}");
    }
}
