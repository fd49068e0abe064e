//! The shape of a page's markup: elements, texts and comments in their order, without what is in them. The server writes the
//! shape of what it painted into the page; a page that has another one when it is to come alive was touched by something
//! else, as a translation or an extension, and cannot be hydrated.

/// The id of the element that the whole app is in.
pub const ROOT: &str = "app";
/// The root's attribute that holds the shape.
pub const ATTRIBUTE: &str = "data-shape";
/// What stands there before the shape is known: as long as it is.
pub const UNKNOWN: &str = "0000000000000000";

/// Elements that have no content and no end tag.
#[cfg(feature = "ssr")]
const VOID: [&str; 13] = ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"];
/// Elements whose content is text to a browser that runs scripts.
#[cfg(feature = "ssr")]
const RAW: [&str; 5] = ["noscript", "script", "style", "textarea", "title"];

/// A shape that is being taken (FNV-1a, 64 bits).
struct Shape {
    hash: u64,
    in_text: bool,
}

impl Shape {
    fn new() -> Self {
        Shape { hash: 0xcbf2_9ce4_8422_2325, in_text: false }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.in_text = false;
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn open(&mut self, name: &str) {
        self.put(b"<");
        self.put(name.as_bytes());
        self.put(b">");
    }

    fn close(&mut self) {
        self.put(b"/");
    }

    fn comment(&mut self) {
        self.put(b"!");
    }

    /// Browsers cut long texts in pieces: two in a row are one.
    fn text(&mut self) {
        if !self.in_text {
            self.put(b"t");
            self.in_text = true;
        }
    }

    fn finish(self) -> String {
        format!("{:016x}", self.hash)
    }
}

/// Writes the shape of what is within the root into its attribute. A page without a root stays as it is.
#[cfg(feature = "ssr")]
pub fn stamp(mut page: String) -> String {
    let placeholder = format!("{ATTRIBUTE}=\"{UNKNOWN}\"");
    let Some(at) = page.find(&placeholder) else { return page };
    let value = at + placeholder.len() - UNKNOWN.len() - 1;
    if let Some(shape) = page[value..].find('>').and_then(|end| of_html(&page[value + end + 1..])) {
        page.replace_range(value..value + UNKNOWN.len(), &shape);
    }
    page
}

/// The shape of markup as our server writes it, up to the end tag that has no beginning in it; none when there is none.
#[cfg(feature = "ssr")]
fn of_html(html: &str) -> Option<String> {
    let (mut shape, mut open, mut rest) = (Shape::new(), Vec::new(), html);
    loop {
        let Some(tag) = rest.strip_prefix('<') else {
            shape.text();
            rest = &rest[rest.find('<')?..];
            continue;
        };
        if let Some(comment) = tag.strip_prefix('!') {
            // `<!>` is an empty one.
            let end = if comment.starts_with("--") { comment.find("-->").map(|end| end + 3) } else { comment.find('>').map(|end| end + 1) };
            shape.comment();
            rest = &comment[end?..];
        } else if let Some(end_tag) = tag.strip_prefix('/') {
            if open.pop().is_none() {
                return Some(shape.finish());
            }
            shape.close();
            rest = &end_tag[end_tag.find('>')? + 1..];
        } else {
            let name = &tag[..tag.find(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/'))?];
            let end = end_of_tag(tag)?;
            let closes_itself = tag[..end].ends_with('/') && open.contains(&"svg");
            rest = &tag[end + 1..];
            shape.open(name);
            if VOID.contains(&name) || closes_itself {
                shape.close();
            } else if RAW.contains(&name) && !open.contains(&"svg") {
                let content = rest.find(&format!("</{name}"))?;
                if content > 0 {
                    shape.text();
                }
                open.push(name);
                rest = &rest[content..];
            } else {
                open.push(name);
            }
        }
    }
}

/// Where the `>` of a tag is that is in no attribute's value.
#[cfg(feature = "ssr")]
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quoted = false;
    tag.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b'>' && !quoted
    })
}

/// The shape of what is within an element of this document.
#[cfg(feature = "hydrate")]
pub fn of_element(root: &web_sys::Element) -> String {
    use web_sys::Node;
    let mut shape = Shape::new();
    let mut next: Option<Node> = root.first_child();
    while let Some(node) = next {
        match node.node_type() {
            Node::ELEMENT_NODE => shape.open(&node.node_name()),
            Node::TEXT_NODE => shape.text(),
            _ => shape.comment(),
        }
        let is_element = node.node_type() == Node::ELEMENT_NODE;
        next = node.first_child().filter(|_| is_element);
        if next.is_some() {
            continue;
        }
        if is_element {
            shape.close();
        }
        let mut at = node;
        next = loop {
            if let Some(sibling) = at.next_sibling() {
                break Some(sibling);
            }
            match at.parent_node().filter(|parent| !parent.is_same_node(Some(root))) {
                Some(parent) => at = parent,
                None => break None,
            }
            shape.close();
        };
    }
    shape.finish()
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::{UNKNOWN, of_html, stamp};
    use proptest::prelude::*;

    fn shape(html: &str) -> String {
        of_html(&format!("{html}</div>")).unwrap_or_default()
    }

    #[test]
    fn what_is_in_a_text_or_an_attribute_is_not_its_shape() {
        let page = r#"<p class="a">One <b>two</b></p><!>three"#;
        for same in [r#"<p data-x="a > b" hidden>1 <b>2</b></p><!---->3"#, r#"<P>One <B>two</B></P><!--bo-->t"#] {
            assert_eq!(shape(page), shape(same), "{same}");
        }
    }

    #[test]
    fn whatever_is_put_in_or_taken_away_is_another_shape() {
        let page = r#"<p>One <b>two</b></p><!>three<input type="text"/>"#;
        for other in [
            r#"<p>One <b><font><font>two</font></font></b></p><!>three<input type="text"/>"#,
            r#"<p>One <b>two</b></p>three<input type="text"/>"#,
            r#"<p>One <b>two</b></p><!>three<input type="text"/><div></div>"#,
            r#"<p>One <i>two</i></p><!>three<input type="text"/>"#,
            r#"<p>One </p><b>two</b><!>three<input type="text"/>"#,
            r#"<p><b>two</b></p><!>three<input type="text"/>"#,
        ] {
            assert_ne!(shape(page), shape(other), "{other}");
        }
    }

    #[test]
    fn elements_without_an_end_tag_and_with_raw_text_are_known() {
        assert_eq!(shape("<br><b></b>"), shape("<br/><b></b>"));
        assert_eq!(shape("<noscript><form><p>x</p></form></noscript>"), shape("<noscript>x</noscript>"));
        assert_eq!(shape("<svg><path d=\"M0\"/><g></g></svg>"), shape("<svg><path></path><g></g></svg>"));
        assert_ne!(shape("<textarea></textarea>"), shape("<textarea>x</textarea>"));
    }

    #[test]
    fn the_root_gets_the_shape_of_what_is_in_it() {
        let page = format!("<body><div id=\"app\" data-shape=\"{UNKNOWN}\"><p>x</p></div><p></p></body>");
        let stamped = stamp(page.clone());
        assert_eq!(stamped, page.replace(UNKNOWN, &shape("<p>x</p>")));
        assert_eq!(stamp("<p>no page</p>".to_owned()), "<p>no page</p>");
    }

    proptest! {
        #![proptest_config(damage::cases(1_000))]

        #[test]
        fn any_text_has_a_shape_or_none(html in "(<[/!]?(div|br|svg|noscript|path)?( a=\"[^\"]{0,3}\")?/?>|\\PC{0,3}){0,12}") {
            let _whatever = of_html(&html);
            stamp(format!("<div data-shape=\"{UNKNOWN}\">{html}"));
        }
    }
}
