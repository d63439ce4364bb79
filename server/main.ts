import { consoleExtension } from '../console/extension.ts'
import { lmsExtension } from '../lms/extension.ts'
import { readServerConfig } from './config.ts'
import { processEnvironment } from './environment.ts'
import { exitWell } from './exit.ts'
import { builtInExtensions } from './extensions.ts'
import { firstSteps } from './first-steps.ts'
import { startServer } from './start.ts'

// A terminal that was closed, or a pipe that nobody reads, is no reason to fail.
for (const output of [process.stdout, process.stderr]) output.on('error', () => {})

try {
  const config = readServerConfig(processEnvironment())
  const starting = startServer(config, process.stdout, [
    ...builtInExtensions,
    lmsExtension(config.lms),
    consoleExtension,
  ])
  exitWell({
    stop: async () => (await starting)[Symbol.asyncDispose](),
    report: (error, message) => {
      starting.then(({ log }) => log.fatal({ err: error }, message)).catch(() => {})
    },
  })
  const { addresses, isFirstStart } = await starting
  process.stdout.write(`${JSON.stringify({ level: 30, time: Date.now(), msg: 'ready', ...addresses })}\n`)
  // On a terminal for the person who looks; elsewhere apart from the JSON lines.
  if (process.stdout.isTTY) process.stdout.write(firstSteps(config, addresses))
  else if (isFirstStart) process.stderr.write(firstSteps(config, addresses))
} catch (error) {
  process.stderr.write(`Cannot start: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
