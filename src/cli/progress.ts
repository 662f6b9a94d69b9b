// A line on a terminal that moves while work goes on. Prints nothing anywhere else.

const FIRST_AFTER_MS = 700
const EVERY_MS = 100

export interface Progress {
  show: (done: number, total: number) => void
  /** Takes the line away again. */
  clear: () => void
}

/** Quiet for short runs, and where the stream is no terminal. */
export function progressOn(stream: NodeJS.WriteStream, noun: string): Progress {
  let next = performance.now() + FIRST_AFTER_MS
  let isShown = false
  return {
    show(done, total) {
      if (!stream.isTTY || performance.now() < next) return
      next = performance.now() + EVERY_MS
      isShown = true
      stream.write(`\r\u001b[K${done.toLocaleString('en')} of ${total.toLocaleString('en')} ${noun}`)
    },
    clear() {
      if (isShown) stream.write('\r\u001b[K')
      isShown = false
    },
  }
}
