// The portal: the page of the hall for everybody who has certificates.
import '../shared/tokens.css';
import '../shared/base.css';

import { createApp } from 'vue';

import { i18n, language, speak } from '../shared/i18n';
import App from './App.vue';
import { router } from './router';

speak(language());
createApp(App).use(i18n).use(router).mount('#app');
