//! Releases.

use serde_json::{Value, json};

use super::shapes::{repository_page, repository_url, time, user_or_ghost};
use super::{Answer, Asked, paging};
use crate::world::{Release, Repository};

/// The releases, newest first. Plain tags are not among them.
pub(super) fn releases(asked: &Asked<'_>, of: &Repository) -> Answer {
    let mut items: Vec<&Release> = of.releases.iter().collect();
    items.sort_by_key(|item| std::cmp::Reverse((item.created_at, item.id)));
    paging::list(asked, &items, |item| release(asked, of, item))
}

pub(super) fn release(asked: &Asked<'_>, of: &Repository, fact: &Release) -> Value {
    let repository = repository_url(asked.root, of);
    let url = format!("{repository}/releases/{}", fact.id);
    let archive = |kind: &str| format!("{repository}/{kind}/{}", fact.tag);
    json!({
        "id": fact.id, "node_id": format!("RE_{}_{}", of.id, fact.id), "tag_name": fact.tag,
        "target_commitish": of.default_branch, "name": fact.name, "body": "", "draft": fact.draft,
        "prerelease": fact.prerelease, "immutable": false, "created_at": time(fact.created_at),
        "published_at": fact.published_at.map(time), "author": user_or_ghost(asked.root, asked.world, &fact.author),
        "assets": [], "url": url, "assets_url": format!("{url}/assets"), "upload_url": format!("{url}/assets{{?name,label}}"),
        "html_url": format!("{}/releases/tag/{}", repository_page(of), fact.tag),
        "tarball_url": archive("tarball"), "zipball_url": archive("zipball"),
    })
}
