import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vitest/config';

// One page, served by the hall itself under a content security policy without
// inline scripts or styles: nothing is inlined here.
export default defineConfig({
  plugins: [vue()],
  resolve: { conditions: ['certhall-source', 'module', 'browser', 'development|production'] },
  build: {
    target: ['chrome87', 'firefox90', 'safari15'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: true,
    chunkSizeWarningLimit: 400,
  },
  server: { port: 5173, proxy: { '/api': 'http://127.0.0.1:8083' } },
  test: { environment: 'happy-dom' },
});
