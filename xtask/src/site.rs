//! The site: every file the server embeds, under its final name, in `target/site/pkg`.

use crate::frontend::{self, Bundle, NAME};
use crate::split::{LOADER, PACK};
use crate::workspace::{Profile, Workspace};
use crate::{compress, css};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// What wasm, JavaScript and CSS together may weigh on the wire before a page is alive, in bytes after Brotli.
/// Above this the build fails.
pub const CEILING: usize = 350_000;
/// The pack that no page waits for: it follows the first paint.
const LATER: &str = "later";
/// What the name of a font ends in.
const FONT: &str = ".woff2";

/// A finished set of files, by path below `pkg/`.
pub struct Site {
    files: BTreeMap<String, Vec<u8>>,
    manifest: String,
    sizes: Vec<Size>,
}

struct Size {
    name: String,
    /// Whose pack it is; without one, every page needs it.
    pack: Option<String>,
    raw: usize,
    gzip: usize,
    brotli: usize,
}

/// A file of the `style` folder that is no style sheet: a font, an icon, or a licence that travels with them.
pub struct Asset {
    /// Where it is in that folder.
    path: String,
    /// What it is called in the site.
    name: String,
    content: Vec<u8>,
}

impl Asset {
    /// A font gets a name that changes with its content: a page asks for its fonts before all else, and has to have them
    /// without a question to the node.
    fn of(path: String, content: Vec<u8>) -> Asset {
        let font = path.rsplit('/').next().filter(|file| file.ends_with(FONT));
        let name = font.map_or_else(|| path.clone(), |file| format!("{NAME}.{:016x}.{file}", xxh3_64(&content)));
        Asset { path, name, content }
    }

    fn is_font(&self) -> bool {
        self.name.ends_with(FONT)
    }
}

pub fn assets(workspace: &Workspace) -> Result<Vec<Asset>> {
    let mut files = Vec::new();
    frontend::collect(&workspace.style(), "", &mut files)?;
    files.retain(|(path, _)| !path.ends_with(".css") && !path.split('/').any(|part| part.starts_with('.')));
    Ok(files.into_iter().map(|(path, content)| Asset::of(path, content)).collect())
}

pub fn style_sheet(workspace: &Workspace, assets: &[Asset]) -> Result<String> {
    let published = assets.iter().map(|asset| (PathBuf::from(&asset.path), asset.name.clone())).collect();
    css::bundle(&workspace.style(), &published)
}

impl Site {
    /// Names and compresses everything. `published` is where the last site stands: what is there already under the same
    /// content hash is taken over instead of compressed again.
    pub fn assemble(bundle: Bundle, css: String, assets: Vec<Asset>, profile: Profile, published: &Path) -> Result<Site> {
        let quality = match profile {
            Profile::Dev => 5,
            Profile::Release => 11,
        };
        let names = Names::of(&bundle, &css, quality)?;
        let packs: BTreeMap<_, _> = bundle.packs.keys().map(|pack| (pack, names.pack(pack))).collect();
        let fonts: Vec<_> = assets.iter().filter(|asset| asset.is_font()).map(|asset| &asset.name).collect();
        let manifest = serde_json::json!({
            "js": names.js, "wasm": names.wasm, "css": names.css, "loader": names.loader, "packs": packs, "fonts": fonts,
        });
        let files = assets.into_iter().map(|asset| (asset.name, asset.content)).collect();
        let mut site = Site { files, manifest: format!("{manifest:#}\n"), sizes: Vec::new() };
        let (js, loader) = (terse(&names.rewrite(&bundle.js)?), terse(&names.rewrite_loader(&bundle.loader)?));
        let mut compressed = bundle.packs.into_iter().map(|(pack, content)| (names.pack(&pack), Some(pack), content)).collect::<Vec<_>>();
        compressed.extend(bundle.snippets.into_iter().map(|(path, content)| (format!("{}/{path}", names.snippets), None, content)));
        compressed.extend([
            (names.wasm, None, bundle.wasm),
            (names.js, None, js.into_bytes()),
            (names.loader, None, loader.into_bytes()),
            (names.css, None, css.into_bytes()),
        ]);
        for (name, pack, content) in compressed {
            site.add(name, pack, content, quality, published)?;
        }
        Ok(site)
    }

    fn add(&mut self, name: String, pack: Option<String>, raw: Vec<u8>, quality: u32, published: &Path) -> Result<()> {
        let kept = fs::read(published.join(&name)).is_ok_and(|old| old == raw);
        let copy = |suffix: &str| if kept { fs::read(published.join(format!("{name}.{suffix}"))).ok() } else { None };
        let brotli = copy("br").map_or_else(|| compress::brotli(&raw, quality), Ok)?;
        let gzip = copy("gz").map_or_else(|| compress::gzip(&raw), Ok)?;
        self.sizes.push(Size { name: name.clone(), pack, raw: raw.len(), gzip: gzip.len(), brotli: brotli.len() });
        self.files.insert(format!("{name}.br"), brotli);
        self.files.insert(format!("{name}.gz"), gzip);
        self.files.insert(name, raw);
        Ok(())
    }

    /// Makes the folder hold exactly this site. Files that are right already keep their time stamps, or the server would be
    /// compiled for nothing. The manifest comes last: where it stands, the rest does too.
    pub fn publish(&self, folder: &Path) -> Result<()> {
        for (name, content) in &self.files {
            write_if_changed(&folder.join(name), content)?;
        }
        write_if_changed(&folder.join("manifest.json"), self.manifest.as_bytes())?;
        remove_strangers(folder, "", &self.files)
    }

    /// Bytes that a first visit of each page loads before the page is alive, the most first.
    fn first_paints(&self) -> Vec<(usize, &str)> {
        let everywhere: usize = self.sizes.iter().filter(|size| size.pack.is_none()).map(|size| size.brotli).sum();
        let mut pages = Vec::new();
        for size in &self.sizes {
            if let Some(pack) = size.pack.as_deref().filter(|pack| *pack != LATER) {
                pages.push((everywhere + size.brotli, pack));
            }
        }
        pages.sort_unstable_by(|one, other| other.cmp(one));
        pages
    }

    pub fn over_budget(&self) -> Option<String> {
        let (bytes, page) = self.first_paints().into_iter().next()?;
        (bytes > CEILING).then(|| format!("the first paint of `{page}` weighs {} and may weigh {}", kilobytes(bytes), kilobytes(CEILING)))
    }

    /// The table of sizes.
    pub fn sizes(&self) -> String {
        let mut text = format!("{:<42} {:>12} {:>12} {:>12}", "file", "raw", "gzip", "brotli");
        for Size { name, raw, gzip, brotli, .. } in &self.sizes {
            text += &format!("\n{name:<42} {:>12} {:>12} {:>12}", kilobytes(*raw), kilobytes(*gzip), kilobytes(*brotli));
        }
        text += &format!("\nfirst paint, after Brotli, at most {}:", kilobytes(CEILING));
        for (bytes, page) in self.first_paints() {
            text += &format!("\n  {page:<40} {:>12}", kilobytes(bytes));
        }
        text
    }
}

/// Names that change with the content, so that browsers may keep the files for good.
struct Names {
    js: String,
    wasm: String,
    css: String,
    loader: String,
    snippets: String,
    /// What the name of a pack begins with.
    packs: String,
}

impl Names {
    /// JavaScript, wasm and packs fit only each other and share one hash. The compression is part of it: equal names mean equal
    /// bytes for the compressed copies as well.
    fn of(bundle: &Bundle, css: &str, quality: u32) -> Result<Names> {
        let mut code = Xxh3::new();
        code.update(&quality.to_le_bytes());
        code.update(&bundle.wasm);
        // As it will be published, except for the hash that is being made here.
        code.update(Names::numbered(0, 0).rewrite(&bundle.js)?.as_bytes());
        code.update(Names::numbered(0, 0).rewrite_loader(&bundle.loader)?.as_bytes());
        for (name, content) in &bundle.packs {
            code.update(name.as_bytes());
            code.update(content);
        }
        for (path, content) in &bundle.snippets {
            code.update(path.as_bytes());
            code.update(content);
        }
        let mut style = Xxh3::new();
        style.update(&quality.to_le_bytes());
        style.update(css.as_bytes());
        Ok(Names::numbered(code.digest(), style.digest()))
    }

    fn numbered(code: u64, style: u64) -> Names {
        Names {
            js: format!("{NAME}.{code:016x}.js"),
            wasm: format!("{NAME}.{code:016x}_bg.wasm"),
            css: format!("{NAME}.{style:016x}.css"),
            loader: format!("{NAME}.{code:016x}.{LOADER}"),
            snippets: format!("{NAME}.{code:016x}.snippets"),
            packs: format!("{NAME}.{code:016x}."),
        }
    }

    fn pack(&self, name: &str) -> String {
        format!("{}{name}.pack", self.packs)
    }

    /// Only what is fetched gets its new name. The keys of the import object stay: the wasm module asks for them as they were.
    fn rewrite(&self, js: &str) -> Result<String> {
        let wasm = format!("{NAME}_bg.wasm");
        ensure!(js.contains(&wasm), "wasm-bindgen's JavaScript does not name {wasm}: its output has changed");
        let js = js.replace(&wasm, &self.wasm).replace("from \"./snippets/", &format!("from \"./{}/", self.snippets));
        Ok(js.replace(&format!("from \"./{LOADER}\""), &format!("from \"./{}\"", self.loader)))
    }

    /// The loader names the JavaScript that it belongs to, and the packs.
    fn rewrite_loader(&self, loader: &str) -> Result<String> {
        let (js, pack) = (format!("from \"./{NAME}.js\""), format!("{PACK}${{name}}"));
        ensure!(loader.contains(&js) && loader.contains(&pack), "the loader of the packs does not name what it loads");
        Ok(loader.replace(&js, &format!("from \"./{}\"", self.js)).replace(&pack, &format!("./{}${{name}}.pack", self.packs)))
    }
}

/// JavaScript without what only people read: indentation, blank lines, and lines that are comments.
fn terse(js: &str) -> String {
    let lines = js.lines().map(str::trim).filter(|line| !line.is_empty() && !["/*", "*", "//"].iter().any(|mark| line.starts_with(mark)));
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

fn write_if_changed(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    let folder = path.parent().context("a file of the site has no folder")?;
    fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    // In one move, so that an interrupted build leaves no half file under a name that promises its content.
    let part = path.with_added_extension("part");
    fs::write(&part, content).with_context(|| format!("could not write {}", part.display()))?;
    fs::rename(&part, path).with_context(|| format!("could not write {}", path.display()))
}

/// Removes what earlier builds left below `folder`.
fn remove_strangers(folder: &Path, prefix: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), format!("{prefix}{}", entry.file_name().to_string_lossy()));
        let inside = format!("{name}/");
        if path.is_dir() {
            if files.keys().any(|file| file.starts_with(&inside)) {
                remove_strangers(&path, &inside, files)?;
            } else {
                fs::remove_dir_all(&path)?;
            }
        } else if name != "manifest.json" && !files.contains_key(&name) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn kilobytes(bytes: usize) -> String {
    format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JS: &str = r#"import * as import1 from "./snippets/a/inline0.js"
import * as import2 from "./packs.js"
const imports = { "./quorate_bg.js": import0, "./snippets/a/inline0.js": import1 };
new URL("quorate_bg.wasm", import.meta.url);"#;

    const LOADING: &str = r#"import { initSync } from "./quorate.js"; fetch(new URL(`./pack.${name}`, import.meta.url));"#;

    fn site(wasm: &[u8], published: &Path) -> Result<Site> {
        let bundle = Bundle {
            js: JS.to_string(),
            wasm: wasm.to_vec(),
            loader: LOADING.to_string(),
            packs: BTreeMap::from([("topics".to_string(), b"pack".to_vec()), ("later".to_string(), b"another".to_vec())]),
            snippets: vec![("a/inline0.js".to_string(), b"export {}".to_vec())],
        };
        let file = |path: &str| Asset::of(path.to_string(), b"as it is".to_vec());
        let assets = vec![file("fonts/a-OFL.txt"), file("fonts/a.woff2")];
        Site::assemble(bundle, "a{color:red}".to_string(), assets, Profile::Dev, published)
    }

    fn listing(folder: &Path) -> Result<Vec<String>> {
        let mut files = Vec::new();
        frontend::collect(folder, "", &mut files)?;
        Ok(files.into_iter().map(|(path, _)| path).collect())
    }

    #[test]
    fn javascript_names_the_hashed_wasm_and_snippets() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let site = site(b"wasm", folder.path())?;
        site.publish(folder.path())?;
        let manifest: serde_json::Value = serde_json::from_str(&fs::read_to_string(folder.path().join("manifest.json"))?)?;
        let name = |key: &str| manifest[key].as_str().unwrap_or_default().to_string();
        let js = fs::read_to_string(folder.path().join(name("js")))?;
        assert!(js.contains(&format!("new URL(\"{}\"", name("wasm"))), "{js}");
        assert!(js.contains(r#"{ "./quorate_bg.js": import0, "./snippets/a/inline0.js": import1 }"#), "{js}");
        // leptos derives both names from one: `<output name>.js` and `<output name>_bg.wasm`.
        assert_eq!(name("js").trim_end_matches(".js"), name("wasm").trim_end_matches("_bg.wasm"));
        let snippet = js.split('"').nth(1).unwrap_or_default().trim_start_matches("./");
        assert!(folder.path().join(snippet).is_file(), "{snippet}");
        for key in ["js", "wasm", "css"] {
            assert!(folder.path().join(name(key) + ".br").is_file() && folder.path().join(name(key) + ".gz").is_file());
        }
        Ok(())
    }

    #[test]
    fn the_loader_and_its_packs_are_named_alike() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let site = site(b"wasm", folder.path())?;
        site.publish(folder.path())?;
        let manifest: serde_json::Value = serde_json::from_str(&fs::read_to_string(folder.path().join("manifest.json"))?)?;
        let name = |name: &serde_json::Value| name.as_str().unwrap_or_default().to_string();
        let (js, loader) = (name(&manifest["js"]), name(&manifest["loader"]));
        assert!(fs::read_to_string(folder.path().join(&js))?.contains(&format!("from \"./{loader}\"")));
        let text = fs::read_to_string(folder.path().join(&loader))?;
        assert!(text.contains(&format!("from \"./{js}\"")), "{text}");
        let pack = name(&manifest["packs"]["topics"]);
        assert_eq!(fs::read(folder.path().join(&pack))?, b"pack");
        assert!(text.contains(&format!("`./{}`", pack.replace("topics", "${name}"))), "{text}");
        // What follows later is no part of a first paint.
        assert_eq!(site.first_paints().iter().map(|(_, page)| *page).collect::<Vec<_>>(), ["topics"]);
        Ok(())
    }

    #[test]
    fn fonts_are_named_after_their_content_and_listed() -> Result<()> {
        let folder = tempfile::tempdir()?;
        site(b"wasm", folder.path())?.publish(folder.path())?;
        let manifest: serde_json::Value = serde_json::from_str(&fs::read_to_string(folder.path().join("manifest.json"))?)?;
        let [font] = manifest["fonts"].as_array().map(Vec::as_slice).unwrap_or_default() else { anyhow::bail!("{manifest}") };
        let font = font.as_str().unwrap_or_default();
        // What begins so may be kept for good (`server/src/http/site.rs`).
        assert!(font.starts_with("quorate.") && font.ends_with(".a.woff2"), "{font}");
        assert_eq!(fs::read(folder.path().join(font))?, b"as it is");
        assert_ne!(Asset::of("fonts/a.woff2".to_string(), b"another".to_vec()).name, font);
        Ok(())
    }

    #[test]
    fn publishing_the_same_again_touches_nothing() -> Result<()> {
        let folder = tempfile::tempdir()?;
        site(b"wasm", folder.path())?.publish(folder.path())?;
        let times = |folder: &Path| -> Result<Vec<_>> {
            listing(folder)?.iter().map(|file| Ok(fs::metadata(folder.join(file))?.modified()?)).collect()
        };
        let before = times(folder.path())?;
        std::thread::sleep(std::time::Duration::from_millis(20));
        site(b"wasm", folder.path())?.publish(folder.path())?;
        assert_eq!(times(folder.path())?, before);
        Ok(())
    }

    #[test]
    fn a_new_build_leaves_nothing_of_the_old_one() -> Result<()> {
        let folder = tempfile::tempdir()?;
        site(b"wasm", folder.path())?.publish(folder.path())?;
        let before = listing(folder.path())?;
        fs::write(folder.path().join("left.js.part"), "half")?;
        site(b"other", folder.path())?.publish(folder.path())?;
        let after = listing(folder.path())?;
        assert_eq!(after.len(), before.len());
        assert!(after.iter().filter(|file| file.contains("_bg.wasm")).all(|file| !before.contains(file)));
        assert!(after.contains(&"fonts/a-OFL.txt".to_string()));
        Ok(())
    }

    #[test]
    fn a_damaged_copy_of_an_older_build_is_not_taken_over() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let first = site(b"wasm", folder.path())?;
        first.publish(folder.path())?;
        let wasm = listing(folder.path())?.into_iter().find(|file| file.ends_with(".wasm")).unwrap_or_default();
        fs::write(folder.path().join(&wasm), "damaged")?;
        fs::remove_file(folder.path().join(format!("{wasm}.br")))?;
        site(b"wasm", folder.path())?.publish(folder.path())?;
        assert_eq!(fs::read(folder.path().join(&wasm))?, b"wasm");
        assert!(folder.path().join(format!("{wasm}.br")).is_file());
        Ok(())
    }

    #[test]
    fn javascript_goes_out_without_its_comments() {
        assert_eq!(terse("/**\n * @x\n */\nfunction a() {\n    // b\n    return `c * d`;\n\n}"), "function a() {\nreturn `c * d`;\n}\n");
    }

    #[test]
    fn javascript_of_an_unknown_shape_is_refused() {
        assert!(Names::numbered(1, 2).rewrite("export default 1").is_err());
    }
}
