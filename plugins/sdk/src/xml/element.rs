/// The start of an element: its name, its attributes, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) offset: u64,
    pub(super) depth: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) value: String,
}

impl Element {
    /// Its local name: what follows the prefix, for prefixes vary from one sender to the next.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URI of its namespace, if it is in one.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Whether it has this local name in this namespace.
    pub fn is(&self, namespace: Option<&str>, name: &str) -> bool {
        self.name == name && self.namespace() == namespace
    }

    /// The value of an attribute that is in no namespace, as those without a prefix are.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attribute_in(None, name)
    }

    /// The value of an attribute in a namespace.
    pub fn attribute_in(&self, namespace: Option<&str>, name: &str) -> Option<&str> {
        let is = |attribute: &&Attribute| attribute.name == name && attribute.namespace.as_deref() == namespace;
        self.attributes.iter().find(is).map(|attribute| attribute.value.as_str())
    }

    /// The byte of its `<`, from the start of the document.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}
