// What we will say and conclude, complete: publishing decides nothing.
import type { Finding } from '#engine'

export type Conclusion = 'success' | 'failure' | 'neutral'

/** Where a finding is shown. */
export type Placement = { at: 'line'; startLine: number; endLine: number } | { at: 'summary' }

export interface PlannedComment {
  path: string
  /** RIGHT side, 1-based; `startLine` is null for a comment on one line. */
  startLine: number | null
  line: number
  body: string
  /** `Finding.fingerprint`, to tell which one GitHub refused. */
  fingerprint: string
  /** What the check run shows where GitHub refuses the comment. */
  annotation: PlannedAnnotation
}

/** A new body for a comment of ours; `minimize` where the finding is gone. */
export interface PlannedEdit {
  nodeId: string
  /** Resolved with it, where the installation lets us. */
  threadId: string
  body: string
  minimize: 'RESOLVED' | 'OUTDATED' | null
}

/** A finding that came back is said again in its own thread. */
export interface PlannedReply {
  commentId: number
  body: string
  fingerprint: string
}

export interface PlannedAnnotation {
  path: string
  startLine: number
  endLine: number
  level: 'notice' | 'warning' | 'failure'
  title: string
  message: string
}

export interface PlannedRun {
  conclusion: Conclusion
  title: string
  summary: string
  text: string | null
  annotations: PlannedAnnotation[]
}

/** A finding that the pull request introduced, and what became of it. */
export interface Introduced {
  finding: Finding
  placement: Placement
  /** Already said in an earlier review of this pull request. */
  said: boolean
  accepted: { by: string; reason: string } | null
}

/** All that is published of a plan. */
export type PublicPlan = Omit<ReviewPlan, 'introduced'>

export interface ReviewPlan {
  head: string
  /** Non-empty whenever there are comments: GitHub refuses an empty review body. */
  body: string
  comments: PlannedComment[]
  replies: PlannedReply[]
  edits: PlannedEdit[]
  run: PlannedRun
  introduced: Introduced[]
}
