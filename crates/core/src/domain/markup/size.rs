//! How large a tree a parser would make of a text.
//!
//! A browser's parser repairs: it reopens every unclosed `<b …>` in every paragraph that follows, and searches all
//! elements that are open at each tag. Fourteen kilobytes can so become half a million elements and take seconds. The
//! tree is therefore measured before ammonia builds it, tag by tag, and given up as soon as it grows out of proportion.
//! So are the steps that the parser takes: each look at an open element, each element that it makes, and each attribute
//! that it compares or copies.

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;

use super::Excess;
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::{Attribute, ExpandedName, ParseOpts, QualName, local_name, ns, parse_fragment};

/// The steps that a parser takes to make the tree of a text, if it has at most `elements` elements, none of them inside
/// more than `depth` others, and they are at most `steps`. A single tag may take more, by as much as its own attributes
/// cost.
pub(super) fn measure(text: &str, elements: usize, depth: usize, steps: usize) -> Result<usize, Excess> {
    let context = QualName::new(None, ns!(html), local_name!("div"));
    let mut parser = parse_fragment(Size::default(), ParseOpts::default(), context, vec![], false);
    // A tag does its work at its end.
    for tag in text.split_inclusive('>') {
        parser.process(StrTendril::from(tag));
        let size = &parser.tokenizer.sink.sink;
        size.step(1);
        if size.elements.get() > elements || size.depth.get() > depth {
            return Err(Excess::Size);
        }
        if size.steps.get() > steps {
            return Err(Excess::Steps);
        }
    }
    Ok(parser.tokenizer.sink.sink.steps.get())
}

/// What it costs to compare or copy an attribute, in steps.
const ATTRIBUTE: usize = 8;

/// Makes no tree, but counts.
#[derive(Default)]
struct Size {
    elements: Cell<usize>,
    depth: Cell<usize>,
    steps: Cell<usize>,
}

/// A node of the tree that is not made.
#[derive(Clone)]
struct Node {
    name: Rc<QualName>,
    depth: Rc<Cell<usize>>,
}

impl Node {
    fn new(name: QualName) -> Self {
        Self { name: Rc::new(name), depth: Rc::default() }
    }

    fn nameless() -> Self {
        Self::new(QualName::new(None, ns!(), local_name!("")))
    }
}

impl Size {
    fn step(&self, steps: usize) {
        self.steps.set(self.steps.get().saturating_add(steps));
    }

    fn place(&self, child: &NodeOrText<Node>, depth: usize) {
        if let NodeOrText::AppendNode(node) = child {
            node.depth.set(depth);
            self.depth.set(self.depth.get().max(depth));
        }
    }
}

impl TreeSink for Size {
    type Handle = Node;
    type Output = Self;
    type ElemName<'a> = ExpandedName<'a>;

    fn finish(self) -> Self {
        self
    }

    fn get_document(&self) -> Node {
        Node::nameless()
    }

    fn elem_name<'a>(&'a self, target: &'a Node) -> ExpandedName<'a> {
        self.step(1);
        target.name.expanded()
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, _: ElementFlags) -> Node {
        // Each is copied, and compared with those of the elements of its kind that are open (13.2.4.3, "Noah's Ark").
        self.step(ATTRIBUTE * (1 + attributes.len() * (1 + self.depth.get())));
        self.elements.set(self.elements.get() + 1);
        Node::new(name)
    }

    fn create_comment(&self, _: StrTendril) -> Node {
        Node::nameless()
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> Node {
        Node::nameless()
    }

    fn append(&self, parent: &Node, child: NodeOrText<Node>) {
        self.place(&child, parent.depth.get() + 1);
    }

    fn append_based_on_parent_node(&self, element: &Node, previous: &Node, child: NodeOrText<Node>) {
        self.place(&child, element.depth.get().max(previous.depth.get() + 1));
    }

    fn append_before_sibling(&self, sibling: &Node, child: NodeOrText<Node>) {
        self.place(&child, sibling.depth.get());
    }

    fn get_template_contents(&self, target: &Node) -> Node {
        target.clone()
    }

    fn same_node(&self, x: &Node, y: &Node) -> bool {
        self.step(1);
        Rc::ptr_eq(&x.depth, &y.depth)
    }

    // What moves or only decorates makes nothing larger.
    fn parse_error(&self, _: Cow<'static, str>) {}
    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}
    fn set_quirks_mode(&self, _: QuirksMode) {}
    fn add_attrs_if_missing(&self, _: &Node, _: Vec<Attribute>) {}
    fn remove_from_parent(&self, _: &Node) {}
    fn reparent_children(&self, _: &Node, _: &Node) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_within(text: &str, elements: usize, depth: usize) -> bool {
        measure(text, elements, depth, usize::MAX).is_ok()
    }

    #[test]
    fn steps_grow_with_what_the_parser_does() {
        let steps = |text: &str| measure(text, usize::MAX, usize::MAX, usize::MAX).unwrap();
        let tag = |number: usize| format!("<b x{number}{}>", " a".repeat(40));
        let nested: String = (0..100).map(tag).collect();
        let closed: String = (0..100).map(|number| tag(number) + "</b>").collect();
        assert!(steps(&nested) > 10 * steps(&closed), "{} {}", steps(&nested), steps(&closed));
        let searching = format!("{}{}", "<div>".repeat(200), "</b>".repeat(1000));
        assert!(steps(&searching) > 1000, "{}", steps(&searching));
        assert_eq!(measure(&nested, usize::MAX, usize::MAX, 10_000), Err(Excess::Steps));
    }

    #[test]
    fn elements_are_counted_as_the_parser_makes_them() {
        // Every fragment has a root and a context.
        assert!(is_within("plain & text < here", 2, 1));
        assert!(is_within("<b>x</b><br>", 4, 2));
        assert!(!is_within("<b>x</b><br>", 3, 2));
        assert!(is_within("<p><b title=1><b title=2>x</p><p>y</p>", 8, 4));
        assert!(!is_within("<p><b title=1><b title=2>x</p><p>y</p>", 7, 4));
    }

    #[test]
    fn depth_is_that_of_the_deepest_element() {
        assert!(is_within("<ul><li><p>x</p></li><li><p>y</p></li></ul>", 99, 4));
        assert!(!is_within("<ul><li><p>x</p></li></ul>", 99, 3));
        assert!(is_within(&"<p>x".repeat(50), 99, 2));
        assert!(!is_within(&"<div>x".repeat(50), 99, 49));
    }
}
