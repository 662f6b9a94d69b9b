// Every GraphQL document that we send. Values, paths above all, travel as variables and are never spliced in.
export const CONFIG_PATH = '.github/otp-review.yml'

/** What a Mix project says of itself, beside its code. */
export const PROJECT_FILES = ['mix.exs', 'mix.lock', '.tool-versions', 'mise.toml', '.gitattributes'] as const

/** Threads and comments on one page; GitHub gives no more than 100. */
const THREADS = 100
const COMMENTS = 100

const TEXT = `
fragment Text on Blob {
  oid
  byteSize
  isBinary
  isTruncated
  text
}`

// Groups of reactions are no connection: GitHub charges nothing for them.
const SPOKEN = `
        id
        fullDatabaseId
        author { __typename login }
        editor { login }
        body
        createdAt
        reactionGroups { content viewerHasReacted }`

const COMMENT_PAGE = `
fragment CommentPage on IssueCommentConnection {
  pageInfo { hasNextPage endCursor }
  nodes {${SPOKEN}
  }
}`

// GitHub charges for what a query could return: reactions to every comment would cost ten times as much.
const THREAD_PAGE = `
fragment ThreadPage on PullRequestReviewThreadConnection {
  pageInfo { hasNextPage endCursor }
  nodes {
    id
    isResolved
    isOutdated
    path
    line
    comments(first: 30) {
      totalCount
      nodes {${SPOKEN}
        isMinimized
      }
    }
    opener: comments(first: 1) { nodes { reactions(content: THUMBS_DOWN) { totalCount } } }
  }
}`

const HEAD_COMMIT = `
fragment HeadCommit on Commit {
  oid
  committedDate
  ${PROJECT_FILES.map((_, index) => `project${index}: file(path: $project${index}) { object { ...Text } }`).join('\n  ')}
  checkSuites(first: 20, filterBy: { appId: $appId }) {
    nodes {
      checkRuns(first: 50, filterBy: { checkType: ALL }) {
        nodes { databaseId name status conclusion externalId startedAt }
      }
    }
  }
  associatedPullRequests(first: 50) {
    nodes { number state headRefOid baseRefName repository { databaseId } }
  }
}`

const CONTEXT_VARIABLES = `
  $owner: String!
  $name: String!
  $appId: Int!
  $config: String!
  $organisationConfig: String!
  ${PROJECT_FILES.map((_, index) => `$project${index}: String!`).join('\n  ')}`

const REPOSITORY = `
    databaseId
    name
    owner { login }
    url`

// The repository of defaults is null, with an error of its own, where it does not exist or we may not read it.
const ORGANISATION = `
  organisation: repository(owner: $owner, name: ".github") {
    object(expression: $organisationConfig) { ...Text }
  }`

/** All about a pull request but its changed files. */
export const PULL_CONTEXT = `
query PullContext(${CONTEXT_VARIABLES}
  $number: Int!
) {
  viewer { login }
  repository(owner: $owner, name: $name) {${REPOSITORY}
    pullRequest(number: $number) {
      number
      state
      isDraft
      createdAt
      changedFiles
      author { login }
      headRefOid
      headRepository { nameWithOwner }
      baseRefName
      baseRefOid
      baseRef { target { ... on Commit { config: file(path: $config) { object { ...Text } } } } }
      commits(last: 1) { nodes { commit { ...HeadCommit } } }
      reviewThreads(first: ${THREADS}) { ...ThreadPage }
      comments(first: ${COMMENTS}) { ...CommentPage }
    }
  }${ORGANISATION}
}
${TEXT}
${HEAD_COMMIT}
${THREAD_PAGE}
${COMMENT_PAGE}
`

/** All about a merge group but its changed files. */
export const GROUP_CONTEXT = `
query GroupContext(${CONTEXT_VARIABLES}
  $head: GitObjectID!
  $base: String!
) {
  viewer { login }
  repository(owner: $owner, name: $name) {${REPOSITORY}
    head: object(oid: $head) {
      ... on Commit {
        ...HeadCommit
        history(first: 50) {
          nodes { associatedPullRequests(first: 5) { nodes { number state isInMergeQueue baseRefName } } }
        }
      }
    }
    base: ref(qualifiedName: $base) {
      target { oid ... on Commit { config: file(path: $config) { object { ...Text } } } }
    }
  }${ORGANISATION}
}
${TEXT}
${HEAD_COMMIT}
`

/** A page of review threads. */
export const THREADS_AFTER = `
query ThreadsAfter($owner: String!, $name: String!, $number: Int!, $after: String) {
  viewer { login }
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      reviewThreads(first: ${THREADS}, after: $after) { ...ThreadPage }
    }
  }
}
${THREAD_PAGE}
`

/** A page of the conversation below a pull request. */
export const COMMENTS_AFTER = `
query CommentsAfter($owner: String!, $name: String!, $number: Int!, $after: String) {
  viewer { login }
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      comments(first: ${COMMENTS}, after: $after) { ...CommentPage }
    }
  }
}
${COMMENT_PAGE}
`

/** What was said in several pull requests: `$n0` is answered as `n0`, and so on. */
export function conversationsDocument(count: number): string {
  const indices = Array.from({ length: count }, (_, index) => index)
  const pull = (index: number) =>
    `n${index}: pullRequest(number: $n${index}) { reviewThreads(first: ${THREADS}) { ...ThreadPage } comments(first: ${COMMENTS}) { ...CommentPage } }`
  return `
query Conversations($owner: String!, $name: String!, ${indices.map((index) => `$n${index}: Int!`).join(', ')}) {
  viewer { login }
  repository(owner: $owner, name: $name) {
    ${indices.map(pull).join('\n    ')}
  }
}
${THREAD_PAGE}
${COMMENT_PAGE}
`
}

/** Heads of open pull requests, those that changed last first. */
export const OPEN_HEADS = `
query OpenHeads($owner: String!, $name: String!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequests(states: OPEN, first: 100, after: $after, orderBy: { field: UPDATED_AT, direction: DESC }) {
      pageInfo { hasNextPage endCursor }
      nodes { number headRefOid baseRefName }
    }
  }
}
`

/** Where a pull request stands right now. */
export const HEAD_NOW = `
query HeadNow($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) { state headRefOid baseRefName }
  }
}
`

/** Open pull requests that a search finds, each with our runs on its head. */
export const OPEN_PULLS = `
query OpenPulls($search: String!, $appId: Int!, $after: String) {
  search(query: $search, type: ISSUE, first: 50, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes {
      ... on PullRequest {
        number
        updatedAt
        headRefOid
        baseRefName
        repository { databaseId name owner { login } }
        commits(last: 1) {
          nodes {
            commit {
              checkSuites(first: 5, filterBy: { appId: $appId }) {
                nodes { checkRuns(first: 20, filterBy: { checkType: ALL }) { nodes { status externalId } } }
              }
            }
          }
        }
      }
    }
  }
}
`

/** Texts by git expression: `$e0` is answered as `e0`, and so on. */
export function textsDocument(count: number): string {
  const indices = Array.from({ length: count }, (_, index) => index)
  return `
query Texts($owner: String!, $name: String!, ${indices.map((index) => `$e${index}: String!`).join(', ')}) {
  repository(owner: $owner, name: $name) {
    ${indices.map((index) => `e${index}: object(expression: $e${index}) { ...Text }`).join('\n    ')}
  }
}
${TEXT}
`
}

/**
 * New bodies for `updates` comments of ours (`$u0` as `u0`), `minimizations` of them hidden (`$m0` as `m0`), and
 * `resolutions` of threads (`$r0` as `r0`).
 */
export function editsDocument(updates: number, minimizations: number, resolutions = 0): string {
  const numbered = (count: number, line: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => line(index))
  const variables = [
    ...numbered(updates, (index) => `$u${index}: UpdatePullRequestReviewCommentInput!`),
    ...numbered(minimizations, (index) => `$m${index}: MinimizeCommentInput!`),
    ...numbered(resolutions, (index) => `$r${index}: ResolveReviewThreadInput!`),
  ]
  const fields = [
    ...numbered(
      updates,
      (index) => `u${index}: updatePullRequestReviewComment(input: $u${index}) { clientMutationId }`,
    ),
    ...numbered(minimizations, (index) => `m${index}: minimizeComment(input: $m${index}) { clientMutationId }`),
    ...numbered(resolutions, (index) => `r${index}: resolveReviewThread(input: $r${index}) { clientMutationId }`),
  ]
  return `
mutation Edits(${variables.join(', ')}) {
  ${fields.join('\n  ')}
}
`
}
