// A bare git repository on disk, driven by the git command. It knows objects, branches and differences; nothing of pull requests.
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

/** What a path holds after a commit; `null` deletes it. Strings are regular files. */
export type Content =
  | string
  | Uint8Array
  | { mode: '100755' | '120000'; text: string }
  | { mode: '160000'; oid: string }
  | null
export type Files = Record<string, Content>

export interface GitObject {
  oid: string
  type: 'blob' | 'tree' | 'commit' | 'tag'
  bytes: Buffer
}

export interface Signature {
  name: string
  email: string
  at: Date
}

export interface Commit {
  oid: string
  tree: string
  parents: string[]
  author: Signature
  committer: Signature
  message: string
}

export interface TreeEntry {
  mode: string
  type: 'blob' | 'tree' | 'commit'
  oid: string
  path: string
}

/** One entry of a comparison, as `git diff` sees it with rename detection. */
export interface Difference {
  path: string
  previousPath: string | null
  status: 'added' | 'removed' | 'modified' | 'renamed' | 'changed'
  /** Blob at the newer side; at the older side for removed files. */
  oid: string
  additions: number
  deletions: number
  binary: boolean
  /** Hunks without file headers; null where there are none (pure renames, mode changes, binary and empty files). */
  patch: string | null
}

export type Git = Awaited<ReturnType<typeof createGit>>

const ENVIRONMENT = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'gc.auto',
  GIT_CONFIG_VALUE_0: '0',
}
const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'
const OID = /^[0-9a-f]{40}$/

/** Creates an empty bare repository in `directory`. With `shareWith` it borrows that repository's objects, as a fork does. */
export async function createGit(directory: string, shareWith?: { directory: string }) {
  await mkdir(directory, { recursive: true })
  await git(['init', '--quiet', '--bare', '--template=', '--initial-branch=main', directory])
  if (shareWith) {
    await mkdir(join(directory, 'objects/info'), { recursive: true })
    await writeFile(join(directory, 'objects/info/alternates'), `${join(shareWith.directory, 'objects')}\n`)
  }

  const run = (args: string[], more?: { input?: string | Buffer; index?: string }) =>
    git(['--git-dir', directory, ...args], more)
  const text = async (args: string[], more?: { input?: string | Buffer; index?: string }) =>
    (await run(args, more)).toString('utf8').trimEnd()
  const reader = createReader(directory)
  const objects = new Map<string, GitObject>()
  const answers = new Map<string, Promise<string>>()
  const differences = new Map<string, Promise<Difference[]>>()

  // What is asked of commits and trees by their ids has one answer for ever, and a process for each costs more than a review.
  async function lasting(args: string[], ids: readonly string[]): Promise<string> {
    if (!ids.every((id) => OID.test(id.split(':')[0]!))) return text(args)
    const key = args.join('\0')
    const known = answers.get(key)
    if (known) return known
    const answer = text(args)
    answers.set(key, answer)
    // A commit that is not here yet can come with a fetch.
    answer.catch(() => answers.delete(key))
    return answer
  }

  /** The object that an expression such as `SHA:path`, a branch or an oid names; null where there is none. */
  async function object(expression: string): Promise<GitObject | null> {
    const known = objects.get(expression)
    if (known) return known
    const found = expression.includes('\n') ? await objectByName(expression) : await reader.read(expression)
    if (found) objects.set(found.oid, found)
    return found
  }

  // The batch reader takes one name per line, so a path with a line feed goes through a command of its own.
  async function objectByName(expression: string): Promise<GitObject | null> {
    const oid = await text(['rev-parse', '--verify', '--quiet', '--end-of-options', expression]).catch(() => '')
    return OID.test(oid) ? object(oid) : null
  }

  async function resolve(ref: string): Promise<string | null> {
    return (await commit(ref))?.oid ?? null
  }

  async function commit(ref: string): Promise<Commit | null> {
    const found = await object(OID.test(ref) ? ref : `${ref}^{commit}`)
    return found?.type === 'commit' ? readCommit(found) : null
  }

  /** Commits `files` on top of `parent` (none: the first commit) and moves `branch` there. Returns the new commit. */
  async function write(change: {
    branch: string
    parent: string | null
    files: Files
    message: string
    author: Signature
  }): Promise<string> {
    const signature = `${change.author.name} <${change.author.email}> ${Math.floor(change.author.at.getTime() / 1000)} +0000`
    const parts: (string | Uint8Array)[] = [
      `commit refs/heads/${change.branch}\nmark :1\nauthor ${signature}\ncommitter ${signature}\n`,
      ...data(change.message),
      change.parent === null ? '' : `from ${change.parent}\n`,
    ]
    for (const [path, content] of Object.entries(change.files)) {
      if (content === null) parts.push(`D ${quote(path)}\n`)
      else if (typeof content === 'string' || content instanceof Uint8Array)
        parts.push(`M 100644 inline ${quote(path)}\n`, ...data(content))
      else if (content.mode === '160000') parts.push(`M 160000 ${content.oid} ${quote(path)}\n`)
      else parts.push(`M ${content.mode} inline ${quote(path)}\n`, ...data(content.text))
    }
    parts.push('\nget-mark :1\n')
    return text(['fast-import', '--quiet', '--force'], {
      input: Buffer.concat(parts.map((part) => Buffer.from(part as string))),
    })
  }

  /** A commit whose tree is `onto` with the changes between `from` and `to` applied. */
  async function replay(change: {
    from: string
    to: string
    onto: string
    parents: string[]
    message: string
    author: Signature
  }): Promise<string> {
    const index = join(directory, `index-${change.to}-${change.onto}`)
    await run(['read-tree', change.onto], { index })
    const patch = await run(['diff-tree', '-p', '--binary', '--full-index', change.from, change.to])
    if (patch.length > 0) await run(['apply', '--cached', '--whitespace=nowarn'], { index, input: patch })
    const tree = await text(['write-tree'], { index })
    await rm(index)
    return commitTree({ ...change, tree })
  }

  async function commitTree(change: {
    tree: string
    parents: string[]
    message: string
    author: Signature
  }): Promise<string> {
    const { name, email, at } = change.author
    const date = `${Math.floor(at.getTime() / 1000)} +0000`
    const environment = {
      GIT_AUTHOR_NAME: name,
      GIT_AUTHOR_EMAIL: email,
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: name,
      GIT_COMMITTER_EMAIL: email,
      GIT_COMMITTER_DATE: date,
    }
    const args = [
      '--git-dir',
      directory,
      'commit-tree',
      change.tree,
      ...change.parents.flatMap((parent) => ['-p', parent]),
    ]
    return (await git(args, { input: change.message, environment })).toString().trim()
  }

  /** `git diff older newer` with renames; `older` null compares with nothing. Remembered, for commits never change. */
  function compare(older: string | null, newer: string): Promise<Difference[]> {
    const key = `${older}..${newer}`
    const known = differences.get(key)
    if (known) return known
    const computed = computeDifferences(older ?? EMPTY_TREE, newer)
    differences.set(key, computed)
    return computed
  }

  async function computeDifferences(older: string, newer: string): Promise<Difference[]> {
    const flags = ['diff-tree', '-r', '-M', '--no-commit-id']
    const [listed, patches] = await Promise.all([
      run([...flags, '-z', '--raw', '--numstat', '--abbrev=40', older, newer]),
      run([...flags, '-p', '-U3', '--full-index', older, newer]),
    ])
    return readDifferences(listed.toString('utf8'), patches.toString('utf8'))
  }

  return {
    directory,
    object,
    commit,
    resolve,
    write,
    replay,
    compare,

    /** The tree's entries; with `recursive` all files below it, trees included. */
    async tree(expression: string, recursive = false): Promise<TreeEntry[] | null> {
      const flags = recursive ? ['-r', '-t'] : []
      const listed = await lasting(['ls-tree', '-z', '--full-tree', ...flags, expression], [expression]).catch(
        () => null,
      )
      return listed?.split('\0').filter(Boolean).map(readTreeEntry) ?? null
    },

    async mergeBase(a: string, b: string): Promise<string | null> {
      return (await lasting(['merge-base', a, b], [a, b]).catch(() => '')) || null
    },

    /** Commits reachable from `to` but not from `from`, oldest first. */
    async commitsBetween(from: string | null, to: string): Promise<Commit[]> {
      const args = ['rev-list', '--reverse', '--topo-order', to, ...(from === null ? [] : [`^${from}`])]
      const listed = await lasting(args, [to, ...(from === null ? [] : [from])])
      const commits = await Promise.all(listed.split('\n').filter(Boolean).map(commit))
      return commits.filter((one) => one !== null)
    },

    async branches(): Promise<Map<string, string>> {
      const listed = await text(['for-each-ref', '--format=%(objectname) %(refname:lstrip=2)', 'refs/heads'])
      return new Map(
        listed
          .split('\n')
          .filter(Boolean)
          .map((line) => [line.slice(41), line.slice(0, 40)]),
      )
    },

    async setRef(ref: string, oid: string): Promise<void> {
      await run(['update-ref', ref, oid])
    },

    async deleteRef(ref: string): Promise<void> {
      await run(['update-ref', '-d', ref])
    },

    /** Copies a branch of another repository, with its objects, to `ref`. */
    async fetch(from: { directory: string }, branch: string, ref: string): Promise<void> {
      await run(['fetch', '--quiet', '--no-tags', from.directory, `+refs/heads/${branch}:${ref}`])
    },

    close(): void {
      reader.close()
    },
  }
}

interface GitInput {
  input?: string | Buffer
  index?: string
  environment?: Record<string, string>
}

function git(args: string[], { input, index, environment }: GitInput = {}): Promise<Buffer> {
  return new Promise((done, fail) => {
    const env = { ...ENVIRONMENT, ...environment, ...(index ? { GIT_INDEX_FILE: index } : {}) }
    const child = execFile('git', args, { env, encoding: 'buffer', maxBuffer: 1 << 30 }, (error, stdout, stderr) => {
      if (error) fail(new Error(`git ${args.join(' ')}: ${stderr.toString('utf8').trim() || error.message}`))
      else done(stdout)
    })
    child.stdin?.end(input)
  })
}

// One long-lived `git cat-file --batch`: starting a process per object would make a review of a hundred files slow.
function createReader(directory: string) {
  type Waiting = { done: (found: GitObject | null) => void; fail: (error: Error) => void }
  let child: ChildProcessByStdio<Writable, Readable, null> | null = null
  let waiting: Waiting[] = []
  let chunks: Buffer[] = []
  let size = 0
  let wanted = 1

  function start() {
    const started = spawn('git', ['--git-dir', directory, 'cat-file', '--batch'], {
      env: ENVIRONMENT,
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    started.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size >= wanted) take()
    })
    started.on('close', () => {
      for (const one of waiting) one.fail(new Error('git cat-file ended'))
      waiting = []
    })
    started.unref()
    return started
  }

  function take() {
    let buffer = Buffer.concat(chunks)
    while (waiting.length > 0) {
      const lineEnd = buffer.indexOf(10)
      if (lineEnd < 0) break
      const header = buffer.toString('utf8', 0, lineEnd)
      const [, oid, type, length] = /^([0-9a-f]{40}) (blob|tree|commit|tag) (\d+)$/.exec(header) ?? []
      if (oid === undefined) {
        buffer = buffer.subarray(lineEnd + 1)
        waiting.shift()?.done(null)
        continue
      }
      const end = lineEnd + 1 + Number(length)
      if (buffer.length < end + 1) {
        wanted = end + 1
        chunks = [buffer]
        size = buffer.length
        return
      }
      const bytes = Buffer.from(buffer.subarray(lineEnd + 1, end))
      buffer = buffer.subarray(end + 1)
      waiting.shift()?.done({ oid, type: type as GitObject['type'], bytes })
    }
    wanted = 1
    chunks = buffer.length > 0 ? [buffer] : []
    size = buffer.length
  }

  return {
    read(expression: string): Promise<GitObject | null> {
      child ??= start()
      const writable = child.stdin
      return new Promise((done, fail) => {
        waiting.push({ done, fail })
        writable.write(`${expression}\n`)
      })
    },
    close() {
      child?.kill()
      child = null
    },
  }
}

function data(content: string | Uint8Array): (string | Uint8Array)[] {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  return [`data ${bytes.length}\n`, bytes, '\n']
}

function quote(path: string): string {
  return `"${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}

function readTreeEntry(line: string): TreeEntry {
  const [, mode, type, oid, path] = /^(\d+) (\w+) ([0-9a-f]{40})\t([^]*)$/.exec(line) ?? []
  return { mode: mode ?? '', type: type as TreeEntry['type'], oid: oid ?? '', path: path ?? '' }
}

function readCommit(object: GitObject): Commit {
  const text = object.bytes.toString('utf8')
  const end = text.indexOf('\n\n')
  const headers = text.slice(0, end).split('\n')
  const header = (name: string) =>
    headers.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1))
  return {
    oid: object.oid,
    tree: header('tree')[0] ?? '',
    parents: header('parent'),
    author: readSignature(header('author')[0] ?? ''),
    committer: readSignature(header('committer')[0] ?? ''),
    message: text.slice(end + 2),
  }
}

function readSignature(text: string): Signature {
  const [, name, email, seconds] = /^(.*) <(.*)> (\d+) /.exec(text) ?? []
  return { name: name ?? '', email: email ?? '', at: new Date(Number(seconds) * 1000) }
}

const STATUSES: Record<string, Difference['status']> = {
  A: 'added',
  D: 'removed',
  M: 'modified',
  R: 'renamed',
  T: 'changed',
}

function readDifferences(listed: string, patches: string): Difference[] {
  const fields = listed.split('\0')
  const sections = patches === '' ? [] : patches.split('\ndiff --git ')
  const entries: Difference[] = []
  let at = 0
  for (; fields[at]?.startsWith(':'); at += 1) {
    const [, , older, newer, status] = (fields[at] ?? '').split(' ')
    const letter = status?.[0] ?? ''
    const previousPath = letter === 'R' ? (fields[(at += 1)] ?? '') : null
    const path = fields[(at += 1)] ?? ''
    entries.push({
      path,
      previousPath,
      status: STATUSES[letter] ?? 'modified',
      oid: (letter === 'D' ? older : newer) ?? '',
      additions: 0,
      deletions: 0,
      binary: false,
      patch: null,
    })
  }
  for (const entry of entries) {
    const [added, deleted] = (fields[at] ?? '').split('\t')
    at += entry.status === 'renamed' ? 3 : 1
    entry.binary = added === '-'
    entry.additions = Number(added) || 0
    entry.deletions = Number(deleted) || 0
    // git writes a change of type as two sections, a removal and an addition.
    const own = sections.splice(0, entry.status === 'changed' ? 2 : 1)
    entry.patch = own.length === 1 ? hunksOf(own[0] ?? '') : null
  }
  return entries
}

function hunksOf(section: string): string | null {
  const start = section.indexOf('\n@@ ')
  return start < 0 ? null : section.slice(start + 1).replace(/\n$/, '')
}
