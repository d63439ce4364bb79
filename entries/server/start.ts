import type { Policy } from '../../routers/index.ts'
import type { Extension } from '../../server/extension.ts'
import { builtInExtensions } from '../../server/extensions.ts'
import type { Addresses } from '../../server/listeners.ts'
import type { LogOutput } from '../../server/log.ts'
import { startServer as start } from '../../server/start.ts'
import { readSettings, type ServerSettings } from './settings.ts'

export interface StartServerOptions {
  /** What the site decides, beside what its settings say: its filters above all. */
  readonly policy?: Partial<Policy> | undefined
  /** Beside those that the server brings along, which is `enterprise`. */
  readonly extensions?: readonly Extension[] | undefined
  /** Where the log is written; standard output unless given. `LOG_LEVEL: 'silent'` writes nothing. */
  readonly output?: LogOutput | undefined
}

/** A server that runs in this process: its addresses, and what ends it. */
export type ServerInProcess = Addresses &
  AsyncDisposable & {
    /** Stops taking requests, finishes those that run, and closes the database. */
    close(): Promise<void>
  }

/**
 * Starts the whole server in this process: database at its newest schema, both listeners, background work.
 *
 * @param settings by the names of the environment; a port of 0 is any free one.
 * @throws {ConfigError} for settings that cannot be used, all of them at once; whatever else keeps the server from starting,
 *   after everything that had been started is stopped again.
 */
export async function startServer(
  settings: ServerSettings,
  { policy, extensions = [], output = process.stdout }: StartServerOptions = {},
): Promise<ServerInProcess> {
  const config = readSettings(settings)
  const all = [...builtInExtensions, ...extensions]
  const { addresses, ...running } = await start({ ...config, policy: { ...config.policy, ...policy } }, output, all)
  let closed: Promise<void> | undefined
  const close = () => (closed ??= Promise.resolve(running[Symbol.asyncDispose]()))
  return { ...addresses, close, [Symbol.asyncDispose]: close }
}
