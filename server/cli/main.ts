import { lmsCommands } from '../../lms/cli/commands.ts'
import { lmsTables } from '../../lms/database/migrate.ts'
import { builtInExtensions } from '../extensions.ts'
import { runCommandLine } from './program.ts'
import { endQuietly } from './streams.ts'

endQuietly()
process.exitCode = await runCommandLine(process.argv.slice(2), process, {
  extensions: [...builtInExtensions, lmsTables],
  groups: [lmsCommands],
})
