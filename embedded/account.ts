import { execFile } from 'node:child_process'
import { lchown, lstat, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

/** The account under which PostgreSQL's programs run. */
export interface SystemAccount {
  /** Stands before the program on its command line. */
  prefix: string[]
  /** Set where the process changes its user. */
  user?: { uid: number; gid: number }
  /** Who must own the files; unset where they are this user's anyway. */
  owner?: { uid: number; gid: number }
}

/**
 * Finds an account that PostgreSQL accepts. Only root needs one, because PostgreSQL refuses to run as root. In order:
 *
 * 1. the ordinary user that owns the data directory already;
 * 2. a user namespace, in which root's files look like those of `nobody`: the only way that works below a directory
 *    which only root may enter;
 * 3. the accounts `postgres` and `nobody`.
 *
 * @param initdb the program that the account must be able to run
 * @param dataDir the directory that the account must be able to reach
 */
export async function chooseAccount(initdb: string, dataDir: string): Promise<SystemAccount> {
  if (process.getuid?.() !== 0) return { prefix: [] }
  for (const account of await candidates(dataDir)) {
    if (await reaches(account, initdb, dirname(dataDir))) return account
  }
  throw new Error(
    `PostgreSQL refuses to run as root, and no other account can reach both ${dataDir} and ${initdb}: ` +
      'run as an ordinary user, or set DATABASE_URL to a PostgreSQL 15 or newer.',
  )
}

async function candidates(dataDir: string): Promise<SystemAccount[]> {
  const { uid, gid } = await lstat(dataDir)
  const found: SystemAccount[] = []
  if (uid !== 0) found.push(switchTo({ uid, gid }))
  if (process.platform === 'linux') found.push({ prefix: NAMESPACE, owner: { uid: 0, gid: 0 } })
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '')
  for (const name of ['postgres', 'nobody']) {
    const fields = passwd.match(new RegExp(`^${name}:[^:]*:([1-9]\\d*):(\\d+):`, 'm'))
    if (fields) found.push(switchTo({ uid: Number(fields[1]), gid: Number(fields[2]) }))
  }
  return found
}

// The number has no meaning outside the namespace: files stay root's, and so do the process and its signals.
const NAMESPACE = ['unshare', '--user', '--map-user=65534', '--map-group=65534', '--']

function switchTo(user: { uid: number; gid: number }): SystemAccount {
  return { prefix: [], user, owner: user }
}

async function reaches(account: SystemAccount, program: string, directory: string): Promise<boolean> {
  const [file, ...args] = [...account.prefix, 'sh', '-c', 'cd "$1" && exec "$0" --version', program, directory]
  if (file === undefined) return false
  return promisify(execFile)(file, args, { ...account.user, env: {} }).then(
    () => true,
    () => false,
  )
}

/** Makes the account the owner of the data directory and of the named entries in it; the last run may have used another. */
export async function giveFilesTo(account: SystemAccount, dataDir: string, names: string[]): Promise<void> {
  if (account.owner === undefined) return
  for (const name of names) await changeOwner(join(dataDir, name), account.owner)
  await lchown(dataDir, account.owner.uid, account.owner.gid)
}

async function changeOwner(path: string, owner: { uid: number; gid: number }): Promise<void> {
  const found = await lstat(path)
  if (found.uid === owner.uid && found.gid === owner.gid) return
  if (found.isDirectory()) {
    for (const name of await readdir(path)) await changeOwner(join(path, name), owner)
  }
  // After its contents: an interrupted change is taken up again by the next start.
  await lchown(path, owner.uid, owner.gid)
}
