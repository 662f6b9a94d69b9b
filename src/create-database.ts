// A program of its own: creates the files of the embedded database in the folder it is given, and ends.
import { PGlite } from '@electric-sql/pglite'

const database = await PGlite.create({
  dataDir: process.argv[2]!,
  startParams: [...PGlite.defaultStartParams, '--shared_buffers=8MB'],
})
await database.close()
