// slow: starts many processes
import { spawnSync } from 'node:child_process'
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { freshDirectory, kill, PROGRAM, start, startProcess } from '../support/embedded.ts'
import { runStatement } from '../support/statement.ts'

describe.runIf(process.getuid?.() === 0 && process.platform === 'linux')('under root', () => {
  const nobody = { uid: 65534, gid: 65534 }
  const reachable = spawnSync(process.execPath, ['--check', PROGRAM], nobody).status === 0

  test('a data directory that only root may enter stays root’s', async () => {
    const dataDir = await freshDirectory()
    const { connectionString } = await start({ dataDir })
    expect(await runStatement(connectionString, 'select 1 as one')).toEqual([{ one: 1 }])
    expect((await stat(inject('scratch'))).mode & 0o777).toBe(0o700)
    expect((await stat(join(dataDir, 'postgres'))).uid).toBe(0)
  })

  test.runIf(reachable)('an ordinary user has a server of its own', async () => {
    const dataDir = await openDirectory()
    const first = await startProcess({ dataDir }, nobody)
    await kill(first.child, 'SIGTERM')
    expect((await stat(join(dataDir, 'postgres'))).uid).toBe(65534)
    // Root, who comes later, leaves the directory usable to that user.
    await (await start({ dataDir })).stop()
    const again = await startProcess({ dataDir }, nobody)
    expect(again.joined).toBe(false)
  })

  const noNamespaces = ['--mount', 'sh', '-c', 'mount --bind /bin/false "$(command -v unshare)" && exec "$@"', 'sh']
  const canHide = spawnSync('unshare', [...noNamespaces, 'true']).status === 0

  test.runIf(reachable && canHide)('another account serves where there are no user namespaces', async () => {
    const dataDir = await openDirectory()
    const first = await startProcess({ dataDir }, { prefix: ['unshare', ...noNamespaces] })
    await runStatement(first.connectionString, 'create table kept as select 1')
    await kill(first.child, 'SIGTERM')
    expect((await stat(join(dataDir, 'postgres'))).uid).not.toBe(0)
    const second = await start({ dataDir })
    await runStatement(second.connectionString, 'select from kept')
  })

  test.runIf(canHide)('a directory that no account reaches is named', async () => {
    const dataDir = join(await freshDirectory(), 'data')
    await expect(startProcess({ dataDir }, { prefix: ['unshare', ...noNamespaces] })).rejects.toThrow(
      `PostgreSQL refuses to run as root, and no other account can reach both ${dataDir}`,
    )
  })
})

/** A directory that every account may use, outside of the run's own, which only this user may enter. */
async function openDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'enrollment-test-open-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  await chmod(path, 0o777)
  return join(path, 'data')
}
