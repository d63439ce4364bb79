import { endQuietly } from '../../server/cli/streams.ts'
import { conformance } from './program.ts'

endQuietly()
process.exitCode = await conformance(process.argv.slice(2), process)
