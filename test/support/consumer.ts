import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { inject } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** What a command came to. */
export interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A project of somebody else, in a directory of its own. */
export interface Project {
  readonly directory: string
  /** Runs a program there, with a server for tests and with the Node.js of this repository first in the path. */
  run(program: string, args: readonly string[], env?: Record<string, string>): Promise<Finished>
  /** Runs npm there. @throws {Error} with what npm says. */
  npm(...args: string[]): Promise<void>
  write(path: string, text: string): Promise<void>
  /** Copies the programs of test/package/consumer. */
  takePrograms(): Promise<void>
}

/** An empty directory for several projects beside each other; it goes with the test run. */
export function besideEachOther(): Promise<string> {
  return mkdtemp(join(inject('scratch'), 'consumers-'))
}

export async function createProject(parent: string, name: string): Promise<Project> {
  const directory = join(parent, name)
  await mkdir(directory, { recursive: true })
  const run = (program: string, args: readonly string[], env = {}) => finish(program, args, directory, env)
  return {
    directory,
    run,
    async npm(...args) {
      const { code, stdout, stderr } = await run('npm', [...args, '--no-audit', '--no-fund', '--prefer-offline'])
      if (code !== 0) throw new Error(`npm ${args.join(' ')}: ${stdout}${stderr}`)
    },
    async write(path, text) {
      await mkdir(dirname(join(directory, path)), { recursive: true })
      await writeFile(join(directory, path), text)
    },
    takePrograms: () => cp(join(root, 'test/package/consumer'), join(directory, 'consumer'), { recursive: true }),
  }
}

async function finish(
  program: string,
  args: readonly string[],
  cwd: string,
  more: Record<string, string>,
): Promise<Finished> {
  // Not what npm and vitest tell their own children: npm would work on this repository.
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|vitest|node_env$|node_options$)/i.test(name))
  const PATH = `${dirname(process.execPath)}:${process.env['PATH']}`
  const env = { ...Object.fromEntries(own), PATH, TEST_DATABASE_URL: inject('server').connectionString, ...more }
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, { cwd, env, maxBuffer: 64 * 1024 * 1024 })
    return { code: 0, stdout, stderr }
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string }
    return { code: typeof code === 'number' ? code : 1, stdout, stderr: stderr || String(error) }
  }
}

/** Packs this repository. @returns the path of the tarball, and where it was unpacked to be looked at. */
export async function pack(parent: string): Promise<{ tarball: string; contents: string }> {
  const project = await createProject(parent, 'enrollment-service')
  const packed = await finish('npm', ['run', '--silent', 'pack'], root, { TMPDIR: project.directory })
  const tarball = packed.stdout.trim().split('\n').at(-1) ?? ''
  if (packed.code !== 0 || !tarball.endsWith('.tgz')) throw new Error(`npm run pack: ${packed.stdout}${packed.stderr}`)
  const unpacked = await project.run('tar', ['-xzf', tarball])
  if (unpacked.code !== 0) throw new Error(unpacked.stderr)
  // What `npm run pack` says in the directory of this repository, without packing once more.
  await project.write('package.json', JSON.stringify({ scripts: { pack: `echo ${tarball}` } }))
  return { tarball, contents: join(project.directory, 'package') }
}

/** Whether packages can be installed here. */
export async function hasRegistry(): Promise<boolean> {
  const { code } = await finish(
    'npm',
    ['view', 'kysely@0.29.0', 'version', '--fetch-retries=0', '--fetch-timeout=8000'],
    root,
    {},
  )
  return code === 0
}

/** The blocks of a page of the documentation, in order: their language and their text. */
export async function blocksOf(page: string): Promise<{ language: string; text: string }[]> {
  const text = await readFile(join(root, page), 'utf8')
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', block = '']) => ({
    language,
    text: block,
  }))
}
