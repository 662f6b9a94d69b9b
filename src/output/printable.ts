// Text from repositories made safe for a terminal. Knows nothing of where it is shown.

/** Control, direction and zero-width characters made visible: code under review must not move the cursor or hide itself. */
export function printable(text: string): string {
  return text
    .replaceAll('\t', '  ')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

/** Lines of at most `width` characters, each with the indentation, broken at blanks; a longer word stands alone. */
export function wrap(text: string, width: number, indent = ''): string {
  const lines: string[] = []
  for (const paragraph of text.split('\n')) {
    let line = ''
    for (const word of paragraph.split(/ +/)) {
      const longer = line === '' ? word : `${line} ${word}`
      if (line !== '' && indent.length + longer.length > width) {
        lines.push(line)
        line = word
      } else line = longer
    }
    lines.push(line)
  }
  return lines.map((line) => (line === '' ? '' : indent + line)).join('\n')
}

/** `1 finding`, `3 findings` */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`
}
