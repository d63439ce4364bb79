import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { chooseAccount, giveFilesTo } from './account.ts'
import { resolveBinaries, type Binaries } from './binaries.ts'
import { openDataDir } from './data-dir.ts'

/** The files of one embedded PostgreSQL. */
export interface Cluster {
  /** Canonical path of the directory that holds everything else. */
  dataDir: string
  /** What PostgreSQL calls its data directory. */
  files: string
  log: string
  /** The database that its users connect to. */
  database: string
  /** Of the superuser `postgres`. */
  password: string
  /** PostgreSQL settings for a server that is started here. */
  settings: Record<string, string>
  binaries: Binaries
}

/** Name, below the data directory, of PostgreSQL's own. */
export const FILES = 'postgres'

/** Opens the cluster under a data directory, which it creates where there is none. Nothing is started. */
export async function openCluster(options: {
  dataDir: string
  database: string
  durable: boolean
  settings: Record<string, string>
}): Promise<Cluster> {
  const dataDir = await openDataDir(options.dataDir)
  const files = join(dataDir, FILES)
  const binaries = await resolveBinaries()
  if (!existsSync(join(files, PASSWORD))) await initialise({ dataDir, files, binaries, durable: options.durable })
  return {
    dataDir,
    files,
    binaries,
    database: options.database,
    log: join(dataDir, `${FILES}.log`),
    password: await readFile(join(files, PASSWORD), 'utf8'),
    settings: { ...(options.durable ? {} : NOT_DURABLE), ...options.settings },
  }
}

const PASSWORD = 'superuser-password'

const NOT_DURABLE = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

/** Builds the cluster beside its place and moves it there whole: it is never seen half made, and one of two wins. */
async function initialise(cluster: { dataDir: string; files: string; binaries: Binaries; durable: boolean }) {
  const { dataDir, files, binaries } = cluster
  await removeAbandoned(dataDir)
  const name = `${FILES}.new-${process.pid}`
  const fresh = join(dataDir, name)
  const passwordFile = `${fresh}.password`
  try {
    await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600, flush: true })
    const account = await chooseAccount(binaries.initdb, dataDir)
    await giveFilesTo(account, dataDir, [`${name}.password`])
    const [program, ...args] = [...account.prefix, binaries.initdb, ...INITDB, '-D', fresh, '--pwfile', passwordFile]
    if (!cluster.durable) args.push('--no-sync')
    await promisify(execFile)(program, args, { ...account.user, cwd: dataDir, env: LOCALE })
    await rename(passwordFile, join(fresh, PASSWORD))
    await rename(fresh, files)
  } catch (cause) {
    if (existsSync(join(files, PASSWORD))) return
    throw new Error(`The embedded PostgreSQL could not be created in ${files}, under DATA_DIR: ${detail(cause)}`, {
      cause,
    })
  } finally {
    await rm(fresh, { recursive: true, force: true })
    await rm(passwordFile, { force: true })
  }
}

/** The environment of PostgreSQL's programs: nothing of the user's reaches them. */
export const LOCALE = { LC_ALL: 'C' }

const INITDB = [
  '--username=postgres',
  '--auth=scram-sha-256',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
]

/** Removes what a process left that ended while it built a cluster. */
async function removeAbandoned(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    const pid = /^postgres\.new-(\d+)/.exec(name)?.[1]
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(dataDir, name), { recursive: true, force: true })
  }
}

/** Whether a process of this number exists, whoever's it is. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function detail(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const output = 'stderr' in cause && typeof cause.stderr === 'string' ? cause.stderr.trim() : ''
  return output.split('\n').at(-1) || cause.message
}
