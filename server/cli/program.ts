import { Command, CommanderError } from 'commander'
import { addApiKey } from './api-key.ts'
import { addBulk } from './bulk/index.ts'
import type { CommandGroup } from './command-group.ts'
import { addEnroll } from './enroll.ts'
import { addEnrollment } from './enrollment.ts'
import { addEvents } from './events.ts'
import type { Environment } from '../config.ts'
import { processEnvironment } from '../environment.ts'
import type { Extension } from '../extension.ts'
import { builtInExtensions } from '../extensions.ts'
import { addExport } from './export.ts'
import { describeError } from './failure.ts'
import { addImport } from './import.ts'
import { addMigrate } from './migrate.ts'
import { openSession, type Session } from './session.ts'
import type { Streams } from './streams.ts'
import { addToken } from './token.ts'
import { addWebhook } from './webhook.ts'
import { addWhy } from './why.ts'

export interface CommandLineOptions {
  readonly extensions?: readonly Extension[]
  /** Commands of further subjects. */
  readonly groups?: readonly CommandGroup[]
  /** Where settings are read when they are first needed. */
  readonly environment?: () => Environment
}

/**
 * Runs one command of the operator's command line (run §1).
 *
 * @param args what stands after the program's name.
 * @returns what the process ends with: 0 done, 1 some rows failed, 2 wrong usage or cannot run.
 */
export async function runCommandLine(
  args: readonly string[],
  streams: Streams,
  { extensions = builtInExtensions, groups = [], environment = processEnvironment }: CommandLineOptions = {},
): Promise<number> {
  const session = openSession(streams, { extensions, environment })
  try {
    await programFor(session, groups).parseAsync(args, { from: 'user' })
    return session.exitCode
  } catch (error) {
    // Commander has said already what is wrong; its help ends with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    session.stderr.write(`${describeError(error)}\n`)
    return 2
  }
}

function programFor(session: Session, groups: readonly CommandGroup[]): Command {
  const program = new Command('npm run cli --')
    .description("The operator's command line of the enrollment service.")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => session.stdout.write(text),
      writeErr: (text) => session.stderr.write(text),
    })
    .showHelpAfterError('Add --help to see how it is used.')
    .addHelpText(
      'after',
      `
It works on the database of DATABASE_URL or, without one, on the embedded database under DATA_DIR, beside a running
server or alone. It ends with 0 when all is done, 1 when some rows failed, 2 when it was used wrongly or cannot run.`,
    )
  addMigrate(program, session)
  addImport(program, session)
  addExport(program, session)
  addToken(program, session)
  addApiKey(program, session)
  addEnroll(program, session)
  addBulk(program, session)
  addEnrollment(program, session)
  addEvents(program, session)
  addWhy(program, session)
  addWebhook(program, session)
  for (const addCommands of groups) addCommands(program, session)
  return program
}
