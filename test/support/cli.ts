import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { stripVTControlCharacters } from 'node:util'
import { inject } from 'vitest'
import { lmsCommands } from '../../lms/cli/commands.ts'
import { lmsTables } from '../../lms/database/migrate.ts'
import { runCommandLine } from '../../server/cli/program.ts'
import type { Streams } from '../../server/cli/streams.ts'
import { builtInExtensions } from '../../server/extensions.ts'
import { neededEnvironment } from './child-environment.ts'

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs the command line in this process, with these settings only. */
export async function cli(args: string[], env: Record<string, string> = {}, stdin = ''): Promise<Ended> {
  return run(args, env, {
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
  })
}

/**
 * The same in front of somebody: on a terminal that is so wide, on which this is typed before it is closed or somebody waits. What is
 * shown is without colours.
 */
export async function cliAtTerminal(
  args: string[],
  env: Record<string, string>,
  { typed = '', isClosed = false, columns = 100 }: { typed?: string; isClosed?: boolean; columns?: number } = {},
): Promise<Ended> {
  const stdin = Object.assign(new PassThrough(), { isTTY: true })
  stdin.write(typed)
  if (isClosed) stdin.end()
  const { code, stdout, stderr } = await run(args, env, { stdin, stdout: screen(columns), stderr: screen(columns) })
  return { code, stdout: stripVTControlCharacters(stdout), stderr: stripVTControlCharacters(stderr) }
}

/** Runs the command line as a process of its own. */
export async function cliProcess(args: string[], env: Record<string, string>): Promise<Ended> {
  const child = startCli(args, env)
  const closed = once(child, 'close')
  child.stdin.end()
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed])
  return { code, stdout, stderr }
}

/** Starts the command line as a process of its own, with these settings only. */
export function startCli(args: string[], env: Record<string, string>): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, ['server/cli/main.ts', ...args], { env: { ...neededEnvironment(), ...env } })
}

async function run(
  args: string[],
  env: Record<string, string>,
  streams: Streams & { stdout: PassThrough; stderr: PassThrough },
): Promise<Ended> {
  // They are read while the command writes, which waits for its readers.
  const said = Promise.all([text(streams.stdout), text(streams.stderr)])
  const code = await runCommandLine(args, streams, {
    extensions: [...builtInExtensions, lmsTables],
    groups: [lmsCommands],
    environment: () => env,
  })
  streams.stdout.end()
  streams.stderr.end()
  const [stdout, stderr] = await said
  return { code, stdout, stderr }
}

/** What a terminal is to programs that draw on it. */
function screen(columns: number) {
  const draw = () => true
  return Object.assign(new PassThrough(), { isTTY: true, columns, cursorTo: draw, moveCursor: draw, clearLine: draw })
}

/** A directory of one's own, gone when all tests have run. */
export function freshDirectory(): Promise<string> {
  return mkdtemp(join(inject('scratch'), 'cli-'))
}

/** Writes a file of lines, given as objects or as raw text. */
export async function lineFile(...lines: (object | string)[]): Promise<string> {
  const path = join(await freshDirectory(), 'lines.ndjson')
  await writeFile(path, lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'))
  return path
}
