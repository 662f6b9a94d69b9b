// Lines of a text as git counts them: only a line feed ends a line.

/** Splits into lines that keep their line feed, so that joining them gives the text back, byte for byte. */
export function splitLines(text: string): string[] {
  return text === '' ? [] : text.split(/(?<=\n)/)
}
