// Owns the threads that analyse files, each file with a time limit. It knows no rule and parses nothing itself.
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { readProject } from '#engine'
import type { FileReport, NotReadReason, SourceToAnalyse } from '#engine'

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

/** What travels to a thread: a message for each file alone would take as long as its analysis. */
export interface Batch {
  files: readonly SourceToAnalyse[]
  /** Told by the thread when it begins, so that waiting for a free thread is no part of the limit. */
  begun: MessagePort
}

/** Small enough to come back within a fraction of the limit of one file. */
const BATCH_FILES = 16
const BATCH_CHARACTERS = 200_000
/** Batches that each thread is given: the one that it works on, and the next. */
const BATCHES_AHEAD = 2

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

  const queued: Queued[] = []
  let running = 0

  function analyse(file: SourceToAnalyse): Promise<FileReport> {
    return new Promise((resolve, reject) => {
      queued.push({ file, resolve, reject })
      // What is asked for at one time goes together.
      if (queued.length === 1) queueMicrotask(dispatch)
    })
  }

  function dispatch(): void {
    while (queued.length > 0 && running < threads * BATCHES_AHEAD) {
      running++
      void settle(nextBatch(queued, threads)).finally(() => {
        running--
        dispatch()
      })
    }
  }

  async function settle(batch: readonly Queued[]): Promise<void> {
    try {
      const reports = await run(batch.map(({ file }) => file))
      batch.forEach(({ resolve }, index) => resolve(reports[index]!))
    } catch (error) {
      if (error instanceof ThreadsError) return batch.forEach(({ reject }) => reject(error))
      // One of several files took the thread down: each shows by itself whether it was the one.
      if (batch.length > 1) return void (await Promise.all(batch.map((one) => settle([one]))))
      const [{ file, resolve }] = batch as [Queued]
      if (error instanceof TooLong) return resolve(failed(file.path, 'time limit', fileTimeLimitMs))
      if (!isClosed) onError?.(error)
      resolve(failed(file.path, 'crashed', 0))
    }
  }

  /** Rejects with `ThreadsError`, `TooLong`, or with what ended the thread. */
  async function run(files: readonly SourceToAnalyse[]): Promise<readonly FileReport[]> {
    if (isClosed) throw new Error('The pool is closed.')
    const { port1: heard, port2: begun } = new MessageChannel()
    const limit = new AbortController()
    waiting.add(limit)
    let timer: NodeJS.Timeout | undefined
    heard.once('message', () => {
      waiting.delete(limit)
      timer = setTimeout(() => limit.abort(), fileTimeLimitMs)
    })
    try {
      const batch: Batch = { files, begun }
      // Aborting ends the thread, whatever it does; the pool starts another.
      return (await (piscina ??= open()).run(batch, { transferList: [begun], signal: limit.signal })) as FileReport[]
    } catch (error) {
      if (isClosed) throw error
      // Its end can be heard before its beginning.
      const hasBegun = !waiting.has(limit) || receiveMessageOnPort(heard) !== undefined
      if (!hasBegun) {
        if (!limit.signal.aborted) cause = error
        throw new ThreadsError({ cause })
      }
      throw limit.signal.aborted ? new TooLong() : error
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

interface Queued {
  file: SourceToAnalyse
  resolve: (report: FileReport) => void
  reject: (error: ThreadsError) => void
}

/** Takes the first files of the queue, no more than leaves as much for each other thread. */
function nextBatch(queued: Queued[], threads: number): readonly Queued[] {
  const most = Math.min(BATCH_FILES, Math.ceil(queued.length / threads))
  let length = 0
  let characters = 0
  while (length < most && (length === 0 || characters <= BATCH_CHARACTERS)) {
    characters += queued[length++]!.file.source.length
  }
  return queued.splice(0, length)
}

class TooLong extends Error {}

/** To be called by a thread before it begins: the limit runs from here. */
export function announceStart({ begun }: Batch): void {
  begun.postMessage(null)
  begun.close()
}

function failed(path: string, reason: NotReadReason, ms: number): FileReport {
  return { path, outcome: 'failed', reason, errorLines: [], findings: [], suppressions: [], failedRules: [], ms }
}
