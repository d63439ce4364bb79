import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, type JWK, type JWTPayload } from 'jose'

/** A key pair of an identity provider. */
export interface Signer {
  readonly publicKey: JWK
  readonly privateKey: CryptoKey
  sign(claims: JWTPayload): Promise<string>
}

/** Makes a key pair; `kid` undefined: neither the key nor its tokens name it. */
export async function makeSigner(alg: string, kid?: string): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const named = kid === undefined ? {} : { kid }
  return {
    publicKey: { ...(await exportJWK(publicKey)), ...named },
    privateKey,
    sign: (claims) =>
      new SignJWT({ exp: Math.floor(Date.now() / 1000) + 3600, ...claims })
        .setProtectedHeader({ alg, ...named })
        .sign(privateKey),
  }
}

/** A local key server that counts how often it is asked. */
export interface KeyServer extends AsyncDisposable {
  readonly url: string
  keys: JWK[]
  /** What it answers with; 200 unless told. */
  status: number
  asked: number
}

export async function openKeyServer(...keys: JWK[]): Promise<KeyServer> {
  const http = createServer((_request, response) => {
    server.asked += 1
    response.writeHead(server.status, { 'content-type': 'application/json', connection: 'close' })
    response.end(JSON.stringify({ keys: server.keys }))
  })
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const { port } = http.address() as AddressInfo
  const server: KeyServer = {
    url: `http://127.0.0.1:${port}/jwks`,
    keys,
    status: 200,
    asked: 0,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
  return server
}
