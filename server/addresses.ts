import { once } from 'node:events'
import { chmod, lstat, rm, stat } from 'node:fs/promises'
import { connect, isIPv6, type AddressInfo, type Server } from 'node:net'
import { dirname } from 'node:path'

export interface HostAndPort {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
}

/** A listener could not be opened; the message says what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

/** @throws {ListenError} that names the setting when the address cannot be had. */
export async function listenOnHost(server: Server, { host, port }: HostAndPort, setting: string): Promise<void> {
  await orListenError(once(server.listen(port, host), 'listening'), `${host}:${port}`, setting)
}

/**
 * Listens on a Unix socket that only this user can open. A socket that a dead process left behind is replaced.
 *
 * @throws {ListenError} that names the setting when the path cannot be had.
 */
export async function listenOnSocket(server: Server, path: string, setting: string): Promise<void> {
  // Listening itself reports a directory that is missing as one that is forbidden.
  await orListenError(stat(dirname(path)), path, setting)
  await orListenError(removeStaleSocket(path), path, setting)
  await orListenError(once(server.listen(path), 'listening'), path, setting)
  await chmod(path, 0o600)
}

/** Where a server listens, as another program of this machine would write it. */
export function urlOf(server: Server): string {
  // A server that listens on a host and a port has an address of this form.
  const { address, port } = server.address() as AddressInfo
  const host = reachable.get(address) ?? address
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`
}

const reachable = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
])

/** Turns the usual failures of listening into errors that say what to do. */
export async function orListenError<T>(attempt: Promise<T>, where: string, setting: string): Promise<T> {
  try {
    return await attempt
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    const message = messages[code]?.(where, setting)
    if (message === undefined) throw cause
    throw new ListenError(message, { cause })
  }
}

const messages: Record<string, (where: string, setting: string) => string> = {
  EADDRINUSE: (where, setting) =>
    `${where} is in use by another program: stop that program, or set ${setting} to another value.`,
  EACCES: (where, setting) => `This user may not listen on ${where}: set ${setting} to another value.`,
  EADDRNOTAVAIL: (where, setting) =>
    `${where} is not an address of this machine: change ${setting.replace('PORT', 'HOST')}.`,
  ENOTFOUND: (where, setting) => `The host name of ${where} is not known: change ${setting.replace('PORT', 'HOST')}.`,
  ENOTSOCK: (where, setting) => `${where} is a file and no socket: remove it, or set ${setting} to another value.`,
  ENOENT: (where, setting) => `The directory of ${where} does not exist: create it, or change ${setting}.`,
}

async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket()) throw Object.assign(new Error(path), { code: 'ENOTSOCK' })
  if (await isAnswered(path)) throw Object.assign(new Error(path), { code: 'EADDRINUSE' })
  await rm(path, { force: true })
}

async function isAnswered(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
