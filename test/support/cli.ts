import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { inject } from 'vitest'
import { lmsCommands } from '../../lms/cli/commands.ts'
import { lmsExtension } from '../../lms/extension.ts'
import { runCommandLine } from '../../server/cli/program.ts'
import { builtInExtensions } from '../../server/extensions.ts'

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs the command line as a process of its own. */
export async function cli(args: string[], env: Record<string, string>, stdin = ''): Promise<Ended> {
  const child = startCli(args, env)
  const closed = once(child, 'close')
  Readable.from([stdin]).pipe(child.stdin)
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed])
  return { code, stdout, stderr }
}

/** Starts the command line as a process of its own, with these settings only. */
export function startCli(args: string[], env: Record<string, string>): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, ['server/cli/main.ts', ...args], { env: { PATH: process.env['PATH'], ...env } })
}

/** Runs the command line in this process, for what neither settings nor a database have a part in. */
export async function cliInside(args: string[]): Promise<Ended> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const code = await runCommandLine(
    args,
    { stdin, stdout, stderr },
    [...builtInExtensions, lmsExtension()],
    [lmsCommands],
  )
  return { code, stdout: await text(stdout.end()), stderr: await text(stderr.end()) }
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
