// The configuration that counts, with where each value comes from. Knows no setting.
import { printable } from './printable.ts'

interface ListedSetting {
  key: string
  value: unknown
  origin: string
}

/** What `config` prints. */
export function settingList(settings: readonly ListedSetting[]): string {
  const lines = settings.map(({ key, value, origin }) => ({
    text: printable(`${key}: ${JSON.stringify(value)}`),
    origin,
  }))
  const longest = Math.max(...lines.map(({ text }) => text.length))
  return lines.map(({ text, origin }) => `${text.padEnd(longest)}  # ${printable(origin)}\n`).join('')
}

/** What `config --format json` prints. */
export function settingListJson(settings: readonly ListedSetting[]): string {
  return `${JSON.stringify({ version: 1, settings }, null, 2)}\n`
}
