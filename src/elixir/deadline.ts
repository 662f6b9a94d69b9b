// The time that one file may take, from its first byte to the last rule. It knows nothing of files.

/** Thrown wherever work on a file goes on after its time is over. */
export class TimeLimitError extends Error {
  override readonly name = 'TimeLimitError'
}

/** A moment after which work on a file stops. Work that may be long asks it now and then. */
export class Deadline {
  private readonly moment: number
  private steps = 0

  constructor(milliseconds: number) {
    this.moment = performance.now() + milliseconds
  }
  /** Milliseconds that are left, at most 0 when time is over. */
  get left(): number {
    return this.moment - performance.now()
  }
  /** Throws `TimeLimitError` when time is over. */
  check(): void {
    if (this.left <= 0) throw new TimeLimitError('This file took longer than it may.')
  }
  /** The same, for steps so small that looking at the clock each time would cost more than they do. */
  tick(): void {
    this.steps = (this.steps + 1) & 0xff
    if (this.steps === 0) this.check()
  }
}
