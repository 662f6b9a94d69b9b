// Owns the threads that analyse files, each file with a time limit. It knows no rule and parses nothing itself.
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { readProject } from '#engine'
import type { FileReport, NotReadReason, Selection, SourceToAnalyse } from '#engine'

export interface Pool {
  /** A file that takes too long, or takes its thread down, is reported as failed. Rejects with `ThreadsError` alone. */
  analyse(file: SourceToAnalyse): Promise<FileReport>
  /** Resolves when a thread has shown that it can analyse, rejects with `ThreadsError` where none can. */
  ready(): Promise<void>
  /** Ends the threads, in the middle of a file if need be. */
  close(): Promise<void>
}

export interface PoolOptions {
  threads: number
  fileTimeLimitMs: number
  /** The program that the threads run; ours unless a test brings another. */
  program?: URL
  onError?: (error: unknown) => void
  onAnalysed?: (report: FileReport) => void
}

/** No thread took the file: that says nothing about the file, and all about this process or its machine. */
export class ThreadsError extends Error {
  override name = 'ThreadsError'

  constructor(options?: ErrorOptions) {
    super('The threads that analyse files do not start.', options)
  }
}

/** What travels to a thread. */
export interface Task {
  file: Omit<SourceToAnalyse, 'selection'>
  /** As JSON: one string is cloned faster than an object with a key for each rule. See `selectionOf`. */
  selection: string
  /** Told by the thread when it begins, so that waiting for a free thread is no part of the limit. */
  begun: MessagePort
}

// Analysis of a large file takes a few ten megabytes; more than this is a runaway.
const HEAP_MB = 512

const NOTHING: SourceToAnalyse = { path: 'nothing.ex', source: '', project: readProject([], ''), selection: {} }

/** Starts a pool with one thread; more come up with the files. */
export function startPool(options: PoolOptions): Pool {
  const { threads, fileTimeLimitMs, program, onError, onAnalysed } = options
  const waiting = new Set<AbortController>()
  let isClosed = false
  /** Why the threads do not start, should that be so. */
  let cause: unknown
  let piscina: Piscina | null = open()

  function open(): Piscina {
    const opened = new Piscina({
      filename: (program ?? new URL('./worker.ts', import.meta.url)).href,
      // When a thread is killed, Piscina makes up for it only as far as this; with none, what waits would wait for ever.
      minThreads: 1,
      maxThreads: threads,
      idleTimeout: 60_000,
      // A thread that waits in an atomic would not run the finalizers that free its syntax trees.
      atomics: 'disabled',
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    })
    cause = new Error('A thread ended while it started.')
    opened.on('error', (error) => {
      cause = error
      onError?.(error)
    })
    // Nor does it make up for a thread that failed while it started, not even later. Then the next file gets a new pool.
    opened.on('workerDestroy', () => setImmediate(() => opened.threads.length === 0 && giveUp(opened)))
    return opened
  }

  function giveUp(broken: Piscina): void {
    if (broken !== piscina || isClosed) return
    piscina = null
    for (const one of waiting) one.abort(cause)
  }

  async function analyse(file: SourceToAnalyse): Promise<FileReport> {
    if (isClosed) return failed(file.path, 'crashed', 0)
    const { port1: heard, port2: begun } = new MessageChannel()
    const limit = new AbortController()
    waiting.add(limit)
    let timer: NodeJS.Timeout | undefined
    heard.once('message', () => {
      waiting.delete(limit)
      timer = setTimeout(() => limit.abort(), fileTimeLimitMs)
    })
    try {
      // Aborting ends the thread, whatever it does; the pool starts another.
      return (await (piscina ??= open()).run(pack(file, begun), {
        transferList: [begun],
        signal: limit.signal,
      })) as FileReport
    } catch (error) {
      if (isClosed) return failed(file.path, 'crashed', 0)
      // Its end can be heard before its beginning.
      const hasBegun = !waiting.has(limit) || receiveMessageOnPort(heard) !== undefined
      if (!hasBegun) {
        if (!limit.signal.aborted) cause = error
        throw new ThreadsError({ cause })
      }
      if (limit.signal.aborted) return failed(file.path, 'time limit', fileTimeLimitMs)
      onError?.(error)
      return failed(file.path, 'crashed', 0)
    } finally {
      waiting.delete(limit)
      heard.close()
      clearTimeout(timer)
    }
  }

  return {
    analyse: async (file) => {
      const report = await analyse(file)
      onAnalysed?.(report)
      return report
    },
    ready: async () => {
      const { outcome, reason } = await analyse(NOTHING)
      if (outcome === 'failed') throw new ThreadsError({ cause: reason })
    },
    close: async () => {
      isClosed = true
      await piscina?.destroy()
    },
  }
}

const packed = new WeakMap<Selection, string>()

function pack({ selection, ...file }: SourceToAnalyse, begun: MessagePort): Task {
  let text = packed.get(selection)
  if (text === undefined) packed.set(selection, (text = JSON.stringify(selection)))
  return { file, selection: text, begun }
}

let last: { text: string; selection: Selection } | undefined

/** What is selected for a task's file: most files of a review have the same. */
export function selectionOf({ selection: text }: Task): Selection {
  if (last?.text !== text) last = { text, selection: JSON.parse(text) as Selection }
  return last.selection
}

/** To be called by a thread before it begins: the file's time runs from here. */
export function announceStart({ begun }: Task): void {
  begun.postMessage(null)
  begun.close()
}

function failed(path: string, reason: NotReadReason, ms: number): FileReport {
  return { path, outcome: 'failed', reason, errorLines: [], findings: [], suppressions: [], failedRules: [], ms }
}
