// What this release is called and where its pages are. Knows nothing of settings, which may name other addresses.
import packageJson from '../package.json' with { type: 'json' }

const HOME = 'https://github.com/otp-review/otp-review'

export const version = packageJson.version

/** The oldest Node that this release runs on. */
export const oldestNode = packageJson.engines.node.replace('>=', '')

/** Folder of the rule pages as this release has them. */
export const ruleDocsUrl = `${HOME}/blob/v${version}/docs/rules`

/** Where "Is this wrong?" opens an issue. */
export const issuesUrl = `${HOME}/issues/new`
