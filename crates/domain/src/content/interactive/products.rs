//! Products of a catalog: one, several, or the catalog itself.

use serde::Serialize;

use super::list::MAX_SECTION_TITLE;
use crate::content::reader::At;

/// Longest id of a catalog or a product, in characters; Meta documents none.
pub const MAX_ID: usize = 200;
/// Most sections of a list of products.
pub(in crate::content) const MAX_SECTIONS: usize = 10;
/// Most products of a list, in all sections.
pub(in crate::content) const MAX_PRODUCTS: usize = 30;

/// `{"catalog_id", "product_retailer_id"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Product {
    catalog_id: String,
    product_retailer_id: String,
}

/// `{"catalog_id", "sections": [{"title", "product_items": [{"product_retailer_id"}]}]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Products {
    catalog_id: String,
    sections: Vec<Section>,
}

/// Some products under a title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    product_items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Item {
    product_retailer_id: String,
}

/// `{"name": "catalog_message", "parameters": {"thumbnail_product_retailer_id"}}`; parameters are optional.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Catalog {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Thumbnail>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Thumbnail {
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail_product_retailer_id: Option<String>,
}

impl Product {
    pub(in crate::content) fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let catalog_id = fields.need("catalog_id").text(MAX_ID);
            let product_retailer_id = fields.need("product_retailer_id").text(MAX_ID);
            Some(Self {
                catalog_id: catalog_id?,
                product_retailer_id: product_retailer_id?,
            })
        })
    }

    pub(super) fn catalog_id(&self) -> &str {
        &self.catalog_id
    }
}

impl Products {
    pub(super) fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let catalog_id = fields.need("catalog_id").text(MAX_ID);
            let sections = Section::read_all(fields.need("sections"));
            Some(Self {
                catalog_id: catalog_id?,
                sections: sections?,
            })
        })
    }
}

impl Section {
    /// Reads all sections: at most 10, with at most 30 products, each with a title where there are several.
    pub(in crate::content) fn read_all(at: At<'_>) -> Option<Vec<Self>> {
        let sections = at.clone().list(1..=MAX_SECTIONS, Self::read)?;
        let products: usize = sections.iter().map(|section| section.product_items.len()).sum();
        if products > MAX_PRODUCTS {
            at.fault(format!(
                "at most {MAX_PRODUCTS} products in all sections, given {products}"
            ));
        }
        if sections.len() > 1 && sections.iter().any(|section| section.title.is_none()) {
            at.fault("a title on every section where there are several");
        }
        Some(sections)
    }

    fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let title = fields.find("title").map(|at| at.text(MAX_SECTION_TITLE));
            let items = fields.need("product_items").list(1..=MAX_PRODUCTS, |item| {
                item.object(|fields| {
                    Some(Item {
                        product_retailer_id: fields.need("product_retailer_id").text(MAX_ID)?,
                    })
                })
            });
            // A title that is wrong costs the section: it is not one without.
            let title = match title {
                None => None,
                Some(read) => Some(read?),
            };
            Some(Self {
                title,
                product_items: items?,
            })
        })
    }
}

impl Catalog {
    pub(super) fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let name = fields.need("name").word(&["catalog_message"]);
            let parameters = fields.find("parameters").and_then(|at| {
                at.object(|fields| {
                    let thumbnail = fields.find("thumbnail_product_retailer_id");
                    Some(Thumbnail {
                        thumbnail_product_retailer_id: thumbnail.and_then(|at| at.text(MAX_ID)),
                    })
                })
            });
            Some(Self {
                name: name?,
                parameters,
            })
        })
    }
}
