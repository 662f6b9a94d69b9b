// The command line tool as JavaScript: Node strips types in a checkout, but not in an installed package.
import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: ['src/cli.ts', 'src/worker.ts'],
  outDir: 'dist/package',
  outExtensions: () => ({ js: '.js' }),
  platform: 'node',
  target: 'node24',
  dts: false,
  banner: ({ fileName }) => (fileName === 'cli.js' ? '#!/usr/bin/env node' : ''),
  plugins: [
    {
      name: 'worker-beside-the-pool',
      // The pool names the program of its threads as a file, and that is JavaScript here.
      transform: (code, id) => (id.endsWith('/src/pool.ts') ? code.replace("'./worker.ts'", "'./worker.js'") : null),
    },
  ],
})
