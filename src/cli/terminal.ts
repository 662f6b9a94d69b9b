// What is known of the place we print to. Prints nothing.

export interface Style {
  color: boolean
  width: number
}

/** Colours on a terminal, unless https://no-color.org or a dumb one says no; FORCE_COLOR asks for them in a pipe. */
export function styleOf(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv = process.env): Style {
  const forced = env['FORCE_COLOR'] !== undefined && env['FORCE_COLOR'] !== '0'
  const refused = Boolean(env['NO_COLOR']) || env['TERM'] === 'dumb'
  // A terminal that does not know its size says 0.
  const width = Math.min(stream.columns || 100, 120)
  return { color: !refused && (forced || stream.isTTY === true), width }
}
