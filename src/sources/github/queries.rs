//! The GraphQL queries. The tests check each against GitHub's published schema, through the simulated GitHub.

/// What is read of a pull request, listed or by its id.
macro_rules! pull_request_fields {
    () => {
        "number title body url state isDraft createdAt updatedAt mergedAt closedAt baseRefName headRefName headRefOid
        additions deletions
        author { __typename login }
        mergeCommit { oid }
        labels(first: 20) { nodes { name } }
        commits(first: 20) {
          nodes { commit { oid authoredDate author { user { login } email } parents(first: 2) { totalCount } } }
          pageInfo { hasNextPage endCursor }
        }
        reviews(first: 10) {
          nodes { state submittedAt body author { __typename login } comments { totalCount } }
          pageInfo { hasNextPage endCursor }
        }
        files(first: 50) { nodes { path } pageInfo { hasNextPage endCursor } }
        timelineItems(first: 30, itemTypes: [READY_FOR_REVIEW_EVENT, CONVERT_TO_DRAFT_EVENT, CLOSED_EVENT, REOPENED_EVENT, ADDED_TO_MERGE_QUEUE_EVENT, REMOVED_FROM_MERGE_QUEUE_EVENT]) {
          nodes {
            __typename
            ... on ReadyForReviewEvent { createdAt }
            ... on ConvertToDraftEvent { createdAt }
            ... on ClosedEvent { createdAt stateReason }
            ... on ReopenedEvent { createdAt }
            ... on AddedToMergeQueueEvent { createdAt }
            ... on RemovedFromMergeQueueEvent { createdAt }
          }
        }"
    };
}

/// What is read of a deployment, listed or by its id.
macro_rules! deployment_fields {
    () => {
        "id databaseId commitOid originalEnvironment task createdAt ref { name } creator { login } statuses(first: 50) { nodes { state createdAt logUrl } }"
    };
}

/// What is read of a release, listed or by its tag.
macro_rules! release_fields {
    () => {
        "databaseId tagName isDraft isPrerelease createdAt publishedAt url tagCommit { oid }"
    };
}

/// What is read of a tag, listed or by its name.
macro_rules! tag_fields {
    () => {
        "name target { __typename ... on Commit { oid committedDate } ... on Tag { tagger { date } target { __typename ... on Commit { oid committedDate } } } }"
    };
}

/// Repositories of an organisation.
pub(super) const ORGANIZATION_REPOSITORIES: &str = "query($login: String!, $first: Int!, $after: String) {
  rateLimit { cost }
  organization(login: $login) {
    repositories(first: $first, after: $after) { nodes { id nameWithOwner isArchived } pageInfo { hasNextPage endCursor } }
  }
}";

/// Repositories of a team.
pub(super) const TEAM_REPOSITORIES: &str = "query($login: String!, $slug: String!, $first: Int!, $after: String) {
  rateLimit { cost }
  organization(login: $login) {
    team(slug: $slug) {
      repositories(first: $first, after: $after) { nodes { nameWithOwner } pageInfo { hasNextPage endCursor } }
    }
  }
}";

/// One repository by its name.
pub(super) const REPOSITORY: &str = "query($owner: String!, $name: String!) {
  rateLimit { cost }
  repository(owner: $owner, name: $name) { id nameWithOwner isArchived }
}";

/// Whether anything has changed in many repositories at once: with two connections each, 50 cost one point.
pub(super) const PROBE: &str = "query($ids: [ID!]!, $incidents: Boolean!, $labels: [String!], $workItems: Boolean!) {
  rateLimit { cost }
  nodes(ids: $ids) {
    ... on Repository {
      id nameWithOwner url isArchived isEmpty createdAt pushedAt
      defaultBranchRef { name target { oid } }
      latestRelease { tagName publishedAt }
      pullRequests(first: 1, orderBy: {field: UPDATED_AT, direction: DESC}) { totalCount nodes { number updatedAt } }
      deployments(first: 1, orderBy: {field: CREATED_AT, direction: DESC}) { totalCount nodes { id createdAt } }
      issues(first: 1, labels: $labels, orderBy: {field: UPDATED_AT, direction: DESC}) @include(if: $incidents) { nodes { number updatedAt } }
      workItems: issues(first: 1, orderBy: {field: UPDATED_AT, direction: DESC}) @include(if: $workItems) { nodes { number updatedAt } }
    }
  }
}";

/// A page of pull requests with all that belongs to them.
pub(super) const PULL_REQUESTS: &str = concat!(
    "query($owner: String!, $name: String!, $first: Int!, $after: String) {
  rateLimit { cost }
  repository(owner: $owner, name: $name) {
    pullRequests(first: $first, after: $after, orderBy: {field: UPDATED_AT, direction: DESC}) {
      totalCount
      nodes {
",
    pull_request_fields!(),
    "      }
      pageInfo { hasNextPage endCursor }
    }
  }
}"
);

/// The rest of a pull request that has more commits, reviews or files than its page holds.
pub(super) const PULL_REQUEST_REST: &str = "query($owner: String!, $name: String!, $number: Int!, $commits: Boolean!, $commitsAfter: String, $reviews: Boolean!, $reviewsAfter: String, $files: Boolean!, $filesAfter: String) {
  rateLimit { cost }
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      commits(first: 100, after: $commitsAfter) @include(if: $commits) {
        nodes { commit { oid authoredDate author { user { login } email } parents(first: 2) { totalCount } } }
        pageInfo { hasNextPage endCursor }
      }
      reviews(first: 100, after: $reviewsAfter) @include(if: $reviews) {
        nodes { state submittedAt body author { __typename login } comments { totalCount } }
        pageInfo { hasNextPage endCursor }
      }
      files(first: 100, after: $filesAfter) @include(if: $files) { nodes { path } pageInfo { hasNextPage endCursor } }
    }
  }
}";

/// A page of the history behind a commit.
pub(super) const HISTORY: &str =
    "query($owner: String!, $name: String!, $oid: GitObjectID!, $first: Int!, $after: String, $since: GitTimestamp) {
  rateLimit { cost }
  repository(owner: $owner, name: $name) {
    object(oid: $oid) {
      ... on Commit {
        history(first: $first, after: $after, since: $since) {
          totalCount
          nodes {
            oid url authoredDate committedDate message
            author { name email user { login } }
            parents(first: 10) { nodes { oid } }
            associatedPullRequests(first: 1) { nodes { number } }
          }
          pageInfo { hasNextPage endCursor }
        }
      }
    }
  }
}";

/// A page of deployments with their statuses.
pub(super) const DEPLOYMENTS: &str = concat!(
    "query($owner: String!, $name: String!, $first: Int!, $after: String) {
  rateLimit { cost }
  repository(owner: $owner, name: $name) {
    deployments(first: $first, after: $after, orderBy: {field: CREATED_AT, direction: DESC}) {
      totalCount
      nodes { ",
    deployment_fields!(),
    " }
      pageInfo { hasNextPage endCursor }
    }
  }
}"
);

/// Deployments that were under way when they were last read.
pub(super) const OPEN_DEPLOYMENTS: &str = concat!(
    "query($ids: [ID!]!) {
  rateLimit { cost }
  nodes(ids: $ids) {
    ... on Deployment {
      ",
    deployment_fields!(),
    "
    }
  }
}"
);

/// Releases and tags, a page of each.
pub(super) const RELEASES_AND_TAGS: &str = concat!(
    "query($owner: String!, $name: String!, $first: Int!, $releases: Boolean!, $releasesAfter: String, $tags: Boolean!, $tagsAfter: String) {
  rateLimit { cost }
  repository(owner: $owner, name: $name) {
    releases(first: $first, after: $releasesAfter, orderBy: {field: CREATED_AT, direction: DESC}) @include(if: $releases) {
      nodes { ", release_fields!(), " }
      pageInfo { hasNextPage endCursor }
    }
    refs(refPrefix: \"refs/tags/\", first: $first, after: $tagsAfter) @include(if: $tags) {
      nodes {
        ", tag_fields!(), "
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}"
);

/// A page of issues with one of the labels that make an incident.
pub(super) const ISSUES: &str = "query($owner: String!, $name: String!, $first: Int!, $after: String, $labels: [String!], $since: DateTime) {
  rateLimit { cost }
  repository(owner: $owner, name: $name) {
    issues(first: $first, after: $after, labels: $labels, filterBy: {since: $since}, orderBy: {field: UPDATED_AT, direction: ASC}) {
      nodes {
        number title body url createdAt updatedAt closedAt state
        author { __typename login }
        labels(first: 20) { nodes { name } }
        timelineItems(first: 50, itemTypes: [ASSIGNED_EVENT, CLOSED_EVENT, REOPENED_EVENT]) {
          nodes {
            __typename
            ... on AssignedEvent { createdAt }
            ... on ClosedEvent { createdAt stateReason }
            ... on ReopenedEvent { createdAt }
          }
        }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}";

/// A page of issues as work items.
pub(super) const WORK_ITEMS: &str =
    "query($owner: String!, $name: String!, $first: Int!, $after: String, $since: DateTime) {
  rateLimit { cost }
  repository(owner: $owner, name: $name) {
    issues(first: $first, after: $after, filterBy: {since: $since}, orderBy: {field: UPDATED_AT, direction: ASC}) {
      totalCount
      nodes {
        number title url createdAt updatedAt closedAt
        author { __typename login }
        labels(first: 20) { nodes { name } }
        timelineItems(first: 50, itemTypes: [ASSIGNED_EVENT, CLOSED_EVENT, REOPENED_EVENT]) {
          nodes {
            __typename
            ... on AssignedEvent { createdAt }
            ... on ClosedEvent { createdAt stateReason }
            ... on ReopenedEvent { createdAt }
          }
        }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}";

/// A project and its iterations.
pub(super) const PROJECT: &str = "query($login: String!, $number: Int!, $iteration: String!) {
  rateLimit { cost }
  organization(login: $login) {
    projectV2(number: $number) {
      id title url updatedAt
      iterations: field(name: $iteration) {
        ... on ProjectV2IterationField {
          configuration {
            iterations { id title startDate duration }
            completedIterations { id title startDate duration }
          }
        }
      }
    }
  }
}";

/// A page of a project's items with their status, iteration and points.
pub(super) const PROJECT_ITEMS: &str = "query($login: String!, $number: Int!, $first: Int!, $after: String, $status: String!, $iteration: String!, $points: String!) {
  rateLimit { cost }
  organization(login: $login) {
    projectV2(number: $number) {
      items(first: $first, after: $after) {
        totalCount
        nodes {
          updatedAt
          content { ... on Issue { number repository { nameWithOwner } } }
          status: fieldValueByName(name: $status) { ... on ProjectV2ItemFieldSingleSelectValue { name updatedAt } }
          iteration: fieldValueByName(name: $iteration) { ... on ProjectV2ItemFieldIterationValue { iterationId updatedAt } }
          points: fieldValueByName(name: $points) { ... on ProjectV2ItemFieldNumberValue { number } }
        }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}";

/// Which of some files a repository has: one query for all of them, with one variable each.
pub(super) fn files(count: usize) -> String {
    let names: Vec<String> = (0..count).map(|place| format!("file{place}")).collect();
    let variables: String = names.iter().map(|name| format!(", ${name}: String!")).collect();
    let objects: String =
        names.iter().map(|name| format!("    {name}: object(expression: ${name}) {{ __typename }}\n")).collect();
    format!(
        "query($owner: String!, $name: String!{variables}) {{\n  rateLimit {{ cost }}\n  repository(owner: $owner, name: $name) {{\n{objects}  }}\n}}"
    )
}

/// Objects that webhooks point to, by their ids.
pub(super) const OBJECTS: &str = concat!(
    "query($pullRequests: [ID!]!, $deployments: [ID!]!, $issues: [ID!]!) {
  rateLimit { cost }
  pullRequests: nodes(ids: $pullRequests) { ... on PullRequest { ",
    pull_request_fields!(),
    " } }
  deployments: nodes(ids: $deployments) { ... on Deployment { ",
    deployment_fields!(),
    " } }
  issues: nodes(ids: $issues) {
    ... on Issue {
      number title body url createdAt updatedAt closedAt
      author { __typename login }
      labels(first: 20) { nodes { name } }
      timelineItems(first: 50, itemTypes: [ASSIGNED_EVENT, CLOSED_EVENT, REOPENED_EVENT]) {
        nodes {
          __typename
          ... on AssignedEvent { createdAt }
          ... on ClosedEvent { createdAt stateReason }
          ... on ReopenedEvent { createdAt }
        }
      }
    }
  }
}"
);

/// Tags and the releases of the same name, of several repositories: one query for all of them, with four variables each.
pub(super) fn tags(count: usize) -> String {
    let variables: String = (0..count)
        .map(|place| {
            format!(", $owner{place}: String!, $name{place}: String!, $ref{place}: String!, $tag{place}: String!")
        })
        .collect();
    let objects: String = (0..count)
        .map(|place| {
            format!(
                "  tag{place}: repository(owner: $owner{place}, name: $name{place}) {{\n    ref(qualifiedName: $ref{place}) {{ {} }}\n    release(tagName: $tag{place}) {{ {} }}\n  }}\n",
                tag_fields!(),
                release_fields!()
            )
        })
        .collect();
    format!("query({}) {{\n  rateLimit {{ cost }}\n{objects}}}", variables.trim_start_matches(", "))
}
