//! The style sheet: `style/main.css` and all that it imports, as one minified text.

use anyhow::{Context, Result, anyhow, bail};
use lightningcss::bundler::{Bundler, FileProvider};
use lightningcss::dependencies::{Dependency, DependencyOptions, UrlDependency};
use lightningcss::printer::PrinterOptions;
use lightningcss::stylesheet::{MinifyOptions, ParserOptions};
use lightningcss::targets::{Browsers, Features, Targets};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Bundles `main.css` of the `style` folder. `published` has the files that stand beside the sheet in the site, by their
/// paths from that folder, under the names that they have there; every `url(…)` of our own has to lead to one of them.
pub fn bundle(style: &Path, published: &BTreeMap<PathBuf, String>) -> Result<String> {
    let entry = style.join("main.css");
    let files = FileProvider::new();
    let mut bundler = Bundler::new(&files, None, ParserOptions::default());
    let mut sheet = bundler.bundle(&entry).map_err(|error| anyhow!("{error}"))?;
    sheet.minify(MinifyOptions { targets: targets(), ..MinifyOptions::default() }).map_err(|error| anyhow!("{error}"))?;
    let printer = PrinterOptions {
        minify: true,
        targets: targets(),
        analyze_dependencies: Some(DependencyOptions { remove_imports: false }),
        ..PrinterOptions::default()
    };
    let printed = sheet.to_css(printer).map_err(|error| anyhow!("{error}"))?;

    let mut css = printed.code;
    for dependency in printed.dependencies.into_iter().flatten() {
        match dependency {
            Dependency::Url(url) => {
                let place = resolve(style, &url, published)?;
                // Quotes and all: a placeholder is a few letters, and those may well be a class name too.
                css = css.replace(&format!("\"{}\"", url.placeholder), &quoted(&place));
            }
            Dependency::Import(import) => bail!("`@import {}` in {} leads out of the project", import.url, import.loc.file_path),
        }
    }
    Ok(css)
}

/// Vendor prefixes are added where these browsers still ask for them. Nothing is rewritten for older ones: both
/// themes stand on `light-dark()`, and the colours on `oklch()`.
fn targets() -> Targets {
    let version = |major: u32, minor: u32| Some((major << 16) | (minor << 8));
    Targets {
        browsers: Some(Browsers {
            chrome: version(125, 0),
            edge: version(125, 0),
            firefox: version(126, 0),
            safari: version(17, 5),
            ios_saf: version(17, 5),
            ..Browsers::default()
        }),
        include: Features::empty(),
        exclude: Features::all().difference(Features::VendorPrefixes),
    }
}

/// A URL counts from the file that names it; in the site it has to count from the one bundled sheet.
fn resolve(style: &Path, found: &UrlDependency, published: &BTreeMap<PathBuf, String>) -> Result<String> {
    let url = found.url.as_str();
    let file = if let Some(path) = url.strip_prefix("/pkg/") {
        Some(PathBuf::from(path))
    } else if url.starts_with(['#', '/']) || url.contains(':') {
        return Ok(url.to_string());
    } else {
        let folder = Path::new(&found.loc.file_path).parent().unwrap_or(style);
        folder.strip_prefix(style).ok().and_then(|folder| flat(&folder.join(url)))
    };
    let known = file.and_then(|file| published.get(&file));
    let known =
        known.with_context(|| format!("{}:{}: `url({url})` leads to no file of the site", found.loc.file_path, found.loc.start.line))?;
    Ok(known.clone())
}

/// The path without `.` and `..`; none when it climbs out.
fn flat(path: &Path) -> Option<PathBuf> {
    let mut flat = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => flat.push(name),
            Component::CurDir => {}
            Component::ParentDir if flat.pop() => {}
            _ => return None,
        }
    }
    Some(flat)
}

/// As a CSS string; data URLs may hold anything.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\a "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn bundled(main: &str, part: &str) -> Result<String> {
        let style = tempfile::tempdir()?;
        fs::create_dir_all(style.path().join("parts"))?;
        fs::write(style.path().join("main.css"), main)?;
        fs::write(style.path().join("parts/part.css"), part)?;
        bundle(style.path(), &BTreeMap::from([(PathBuf::from("fonts/a.woff2"), "a.0123.woff2".to_string())]))
    }

    #[test]
    fn imports_are_inlined_and_layers_keep_their_order() -> Result<()> {
        let css =
            bundled("@layer one, two;\n@import \"./parts/part.css\";", "@layer two { a { color: red } } @layer one { a { color: tan } }")?;
        assert!(!css.contains("@import"), "{css}");
        assert!(css.find("one") < css.find("two") && css.contains("@layer two{a{color:red}}"), "{css}");
        Ok(())
    }

    #[test]
    fn modern_colours_nesting_and_ranges_stay_as_written() -> Result<()> {
        let css = bundled(
            "a { color: light-dark(oklch(0.3 0.1 20), oklch(0.9 0.1 20)); &:has(b) { margin-inline: 1px 2px } }\n@media (width >= 40rem) { a { inset: 0 } }",
            "",
        )?;
        for kept in ["light-dark(oklch(", "&:has(b)", "margin-inline:1px 2px", "(width>=40rem)", "inset:0"] {
            assert!(css.contains(kept), "{kept} is gone from {css}");
        }
        Ok(())
    }

    #[test]
    fn safari_still_gets_its_prefix() -> Result<()> {
        assert_eq!(bundled("a { user-select: none }", "")?, "a{-webkit-user-select:none;user-select:none}");
        Ok(())
    }

    #[test]
    fn urls_follow_the_file_that_names_them() -> Result<()> {
        let face = |url: &str| format!("@font-face {{ font-family: A; src: url(\"{url}\") }}");
        let css = bundled("@import \"./parts/part.css\";", &face("../fonts/a.woff2"))?;
        assert!(css.contains("url(\"a.0123.woff2\")"), "{css}");
        for url in ["fonts/a.woff2", "/pkg/fonts/a.woff2"] {
            assert!(bundled(&face(url), "")?.contains("url(\"a.0123.woff2\")"));
        }
        Ok(())
    }

    #[test]
    fn a_url_that_leads_nowhere_fails_the_build() {
        for url in ["fonts/b.woff2", "/pkg/fonts/b.woff2", "../fonts/a.woff2"] {
            let error = bundled(&format!("a {{ background: url({url}) }}"), "").map_err(|error| error.to_string());
            assert!(error.as_ref().is_err_and(|text| text.contains("main.css:1") && text.contains(url)), "{error:?}");
        }
    }

    #[test]
    fn data_and_fragment_urls_are_left_alone() -> Result<()> {
        let css = bundled("a { background: url('data:image/svg+xml,<svg a=\"b\"/>'); filter: url(#blur) }", "")?;
        assert!(css.contains(r##"url("data:image/svg+xml,<svg a=\"b\"/>")"##) && css.contains("url(\"#blur\")"), "{css}");
        Ok(())
    }

    #[test]
    fn an_import_of_another_host_is_refused() {
        assert!(bundled("@import \"https://example.com/a.css\";", "").is_err());
    }
}
