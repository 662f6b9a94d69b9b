// What something costs on a machine that does other things as well: the clock counts them too, the processor does not.

/** Milliseconds of processor time that this process spent meanwhile. */
export function processorMs(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
