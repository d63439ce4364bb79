/// <reference types="node" preserve="true" />
// enrollment-service/extension: what an extension needs beside the caller.
export * from '../routers/extension.ts'
