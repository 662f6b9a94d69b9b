// Owns the threads that analyse files, each file with a time limit. It knows no rule and parses nothing itself.
import { MessageChannel } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { Piscina } from 'piscina'
import type { FileReport, NotReadReason, SourceToAnalyse } from '#engine'

export interface Pool {
  /** Never rejects: a file that takes too long, or takes its thread down, is reported as failed. */
  analyse(file: SourceToAnalyse): Promise<FileReport>
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

/** What travels to a thread. */
export interface Task {
  file: SourceToAnalyse
  /** Told by the thread when it begins, so that waiting for a free thread is no part of the limit. */
  begun: MessagePort
}

// Analysis of a large file takes a few ten megabytes; more than this is a runaway.
const HEAP_MB = 512

/** Starts a pool with one thread; more come up with the files. */
export function startPool(options: PoolOptions): Pool {
  const { threads, fileTimeLimitMs, program, onError, onAnalysed } = options
  const piscina = new Piscina({
    filename: (program ?? new URL('./worker.ts', import.meta.url)).href,
    // When a thread is killed, Piscina makes up for it only as far as this; with none, what waits would wait for ever.
    minThreads: 1,
    maxThreads: threads,
    idleTimeout: 60_000,
    // A thread that waits in an atomic would not run the finalizers that free its syntax trees.
    atomics: 'disabled',
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  })
  piscina.on('error', (error) => onError?.(error))

  async function analyse(file: SourceToAnalyse): Promise<FileReport> {
    const { port1: heard, port2: begun } = new MessageChannel()
    const limit = new AbortController()
    let timer: NodeJS.Timeout | undefined
    heard.once('message', () => (timer = setTimeout(() => limit.abort(), fileTimeLimitMs)))
    try {
      // Aborting ends the thread, whatever it does; the pool starts another.
      return (await piscina.run({ file, begun } satisfies Task, {
        transferList: [begun],
        signal: limit.signal,
      })) as FileReport
    } catch (error) {
      if (limit.signal.aborted) return failed(file.path, 'time limit', fileTimeLimitMs)
      onError?.(error)
      return failed(file.path, 'crashed', 0)
    } finally {
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
    close: () => piscina.destroy(),
  }
}

/** To be called by a thread before it begins: the file's time runs from here. */
export function announceStart({ begun }: Task): void {
  begun.postMessage(null)
  begun.close()
}

function failed(path: string, reason: NotReadReason, ms: number): FileReport {
  return { path, outcome: 'failed', reason, errorLines: [], findings: [], suppressions: [], failedRules: [], ms }
}
