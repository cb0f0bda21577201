import { defineConfig } from '@hey-api/openapi-ts';

// ui/api is generated from the hall's document: `npm run api`, checked in CI.
export default defineConfig({
  input: '../docs/openapi.json',
  output: 'api',
  plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
});
