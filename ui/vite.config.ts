import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vitest/config';

// One page, served by the hall itself under a content security policy without
// inline scripts or styles: nothing is inlined here.
export default defineConfig({
  plugins: [vue()],
  resolve: { conditions: ['certhall-source', 'module', 'browser', 'development|production'] },
  // what of the libraries is not used
  define: {
    __VUE_OPTIONS_API__: false,
    __VUE_I18N_FULL_INSTALL__: false,
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
  build: {
    target: ['chrome87', 'firefox90', 'safari15'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: true,
    chunkSizeWarningLimit: 400,
  },
  // the hall's paths have no dot, the files of ui/api have
  server: { port: 5173, proxy: { '^/api/[^.]*$': 'http://127.0.0.1:8083' } },
  test: { environment: 'happy-dom' },
});
