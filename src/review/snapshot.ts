// A pull request as it was read: plain data. Saved as JSON, it replays in the command line tool.

/** The base texts are filled in by `withBases`; everything else by the reader (GitHub or a local clone). */
export interface Snapshot {
  version: 1
  subject: Subject
  repository: { id: number; owner: string; name: string; url: string }
  /** The app that speaks: comments and runs by anyone else are not ours. `login` has no `[bot]`. */
  app: { id: number; slug: string; login: string } | null
  /** SHA of the analysed commit. */
  head: string
  base: { ref: string; sha: string }
  /** Every changed Elixir file, removed ones included; and those `unchanged` ones in which we said something once. */
  files: ChangedFile[]
  /** Changed files that are not Elixir, as a count: the summary says what was read. */
  otherFiles: number
  /** Elixir files that could not be read, with a reason for people. */
  notRead: { path: string; reason: string }[]
  /** Present where GitHub cut the list of changed files: how many it listed. Those beyond were not read. */
  listCutAt?: number
  /** At the head: `mix.exs`, `mix.lock`, `.tool-versions`, `mise.toml`, `.gitattributes` above changed files. */
  projectFiles: { path: string; text: string }[]
  config: ConfigSources
  /** Comments of ours on this pull request. */
  said: Said[]
  /** What people asked of us, and our answer: of the pull request, or of each in the group. */
  conversations: Conversation[]
  /** What the app asks for and was not granted, as GitHub names it: `merge_queues:read`. */
  lacking: string[]
  /** Check runs of our app on this head, newest first. */
  runs: RunOnHead[]
  /** Open pull requests with this head, the subject included; more than one shares the check run. */
  pullsOnHead: { number: number; baseRef: string }[]
}

type Subject =
  | {
      kind: 'pull'
      number: number
      draft: boolean
      state: 'open' | 'closed' | 'merged'
      author: string
      /** When it was opened, ISO 8601; null where unknown. */
      createdAt: string | null
      /** Read through the base repository; null when the fork was deleted. */
      headRepository: string | null
      /** false: opened before the app was installed, and not pushed to since: a check run only. */
      comments: boolean
    }
  | { kind: 'group'; headRef: string; pulls: number[] }
  | { kind: 'local' }

export interface ChangedFile {
  path: string
  /** The path in the base where the file was renamed or copied. */
  previousPath: string | null
  status: 'added' | 'removed' | 'modified' | 'renamed' | 'copied' | 'changed' | 'unchanged'
  additions: number
  deletions: number
  /** Unified hunks without file headers, as GitHub's `patch`; null where GitHub gives none. */
  patch: string | null
  /** Git blob id at the head (of the base for removed files). */
  blob: string
  /** Text at the head; null for removed files and files that were not read. */
  source: string | null
  /** Text at the merge base; undefined until `withBases`, null for added files and where it could not be had. */
  baseSource?: string | null
}

export interface ConfigSources {
  /** `.github/otp-review.yml` on the base branch. */
  base: { path: string; text: string } | null
  /** The same file in the organisation's `.github` repository; read when the base's `extends` asks for it. */
  organisation: { path: string; text: string } | null
  /** Present when the pull request changes the file, empty where it deletes it: for the preview only. */
  head: { path: string; text: string } | null
}

/** A review comment of ours, found again by marker and author. */
export interface Said {
  /** REST id, for replies. */
  id: number
  nodeId: string
  threadId: string
  path: string
  /** Line at the present head; null when GitHub calls the comment outdated. */
  line: number | null
  body: string
  marker: Marker
  /** A person wrote in the thread: it is never touched again. */
  answered: boolean
  resolved: boolean
  minimized: boolean
  /** Thumbs-down given. */
  thumbsDown: number
}

/** All comments of a pull request in which somebody speaks to us. */
export interface Conversation {
  /** Our one comment below the pull request, edited with every command; null until there is something to say. */
  answer: { id: number; body: string } | null
  /** By people, oldest first. */
  asked: Asked[]
}

/** A person's comment in which our name stands as in a command. */
export interface Asked {
  id: number
  nodeId: string
  /** Below the pull request, or in a thread on its lines. */
  where: 'conversation' | 'thread'
  author: string
  /** Somebody else changed what the author wrote. */
  edited: boolean
  body: string
  /** When it was written, ISO 8601. */
  at: string
  /** It has our reaction. */
  heard: boolean
}

/** The hidden state in a comment: `<!-- otp-review {"v":1,...} -->`, trusted only from our own app. */
export interface Marker {
  v: number
  rule: string
  /** `Finding.fingerprint` and `clauseFingerprint` when it was said. */
  fingerprint: string
  clause: string
  /** `module` and `function` of the finding: the last resort in matching. */
  module: string
  function: string | null
  /** The commit on which it was said, or on which its state changed. */
  sha: string
  state: 'open' | 'fixed' | 'withdrawn'
}

interface RunOnHead {
  id: number
  name: string
  status: 'queued' | 'in_progress' | 'completed'
  conclusion: string | null
  externalId: string
  startedAt: string | null
}
