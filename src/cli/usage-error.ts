// What the person who typed the command can mend. Knows no command.

/** Ends the command with status 2; the message says what is wrong and what to do. */
export class UsageError extends Error {
  override name = 'UsageError'
}
