import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { inject, onTestFinished } from 'vitest'
import { startEmbeddedDatabase, type EmbeddedDatabase, type EmbeddedDatabaseOptions } from '../../embedded/start.ts'
import { processesNaming } from './processes.ts'

/** The program that {@link startProcess} runs. */
export const PROGRAM = join(import.meta.dirname, 'embedded-process.ts')

export type Options = Pick<EmbeddedDatabaseOptions, 'dataDir'> & Partial<EmbeddedDatabaseOptions>

/** Starts an embedded database in this process, for the length of the test. */
export async function start(options: Options): Promise<EmbeddedDatabase> {
  const started = await startEmbeddedDatabase({ mode: 'owner', durable: false, ...options })
  onTestFinished(() => started.stop())
  return started
}

export interface StartedProcess {
  child: ChildProcess
  connectionString: string
  joined: boolean
  /** Waits until it has been told that another process has come to its server, once more than before. */
  told(): Promise<void>
}

/**
 * Starts one in a process of its own, for the length of the test.
 *
 * @param options.prefix what stands before the program on the command line
 */
export async function startProcess(
  options: Options,
  { prefix = [], ...spawnOptions }: SpawnOptions & { prefix?: string[] } = {},
): Promise<StartedProcess> {
  const argument = JSON.stringify({ mode: 'owner', durable: false, ...options })
  const [command, ...args] = [...prefix, process.execPath, PROGRAM, argument]
  const child = spawn(command, args, { ...spawnOptions, stdio: ['ignore', 'pipe', 'ignore'] })
  onTestFinished(() => kill(child, 'SIGTERM'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const first = await lines.next()
  if (first.done) throw new Error(`The process ended with ${child.exitCode ?? child.signalCode}`)
  const { error, connectionString, joined } = JSON.parse(first.value)
  if (error) throw new Error(error)
  const told = async () => void (await lines.next())
  return { child, connectionString: String(connectionString), joined: Boolean(joined), told }
}

/** Sends a signal and waits for the end of the process. */
export async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

/** The command lines of what runs on the database of a data directory. */
export function postgresProcesses(dataDir: string): string[] {
  return processesNaming(join(dataDir, 'postgres')).map(({ command }) => command)
}

/** An empty directory that goes with the test run. */
export function freshDirectory(): Promise<string> {
  return mkdtemp(join(inject('scratch'), 'data-'))
}
