// The member centre (会员中心): what a person changes of himself, keeps at hand,
// and does for his organisation.
import { handler } from '../acts/clerk';
import { enter, typeInto } from '../acts/keyboard';
import { examine } from '../world/look';
import { expect, test } from '../world/test';

const organisation = '91310000MA1K35XE0L';
const newPhone = '13900000007';
const colleague = '13800000002';

test('personal details: name, mail, phone', async ({ clerk, page, hall }) => {
  await clerk.logIn();
  await page.getByRole('navigation').getByRole('link', { name: '会员中心' }).click();
  await clerk.sees('我的更新');
  await page.getByRole('navigation', { name: '个人中心' }).getByRole('link', { name: '个人信息' }).click();
  await clerk.sees('个人信息');

  await clerk.press('修改 用户名');
  await clerk.field('用户名').fill('张会计');
  await clerk.press('保存');
  await clerk.reads('修改成功，下次可以用这个用户名登录。');
  await clerk.reads('张会计');
  await clerk.press('填写 真实姓名');
  await clerk.field('真实姓名').fill('张三');
  await clerk.press('保存');
  await clerk.reads('修改成功。');

  await clerk.press('填写 电子邮箱');
  await clerk.field('新的电子邮箱').fill('not a mail');
  await clerk.press('获取验证码');
  await clerk.reads('请填写邮箱，例如 name@example.com。');
  await clerk.field('新的电子邮箱').fill('zhang@hospital.example');
  await clerk.press('获取验证码');
  await clerk.field('邮件验证码').fill(await hall.mailed('zhang@hospital.example'));
  await examine(page, 'profile-mail');
  await clerk.press('保存');
  await clerk.reads('z***@hospital.example');

  await clerk.press('修改 手机号码');
  await clerk.field('新手机号码').fill(newPhone);
  await clerk.press('下一步');
  const present = page.getByLabel('发到现在的手机 138****0001 的验证码');
  await expect(present).toBeVisible();
  await examine(page, 'profile-phone');
  await clerk.press('获取验证码');
  await present.fill(await hall.code(handler.phone));
  await clerk.press('确认');
  await clerk.field('新手机收到的验证码').fill(await hall.code(newPhone));
  await clerk.press('更换手机号码');
  await clerk.reads('139****0007');
  await clerk.reads(/修改成功。其他设备上的登录已退出/);
  await examine(page, 'profile-changed');
});

test('a new phone, shown with the key', async ({ clerk, page, hall }) => {
  await clerk.logIn();
  await page.goto('/#/account/profile');
  await clerk.press('修改 手机号码');
  await clerk.field('新手机号码').fill(newPhone);
  await clerk.press('下一步');
  await clerk.press('用证书确认');
  await clerk.allowSite();
  await clerk.press('用证书确认');
  await clerk.enterPIN();
  await clerk.field('新手机收到的验证码').fill(await hall.code(newPhone));
  await clerk.press('更换手机号码');
  await clerk.reads('139****0007');
});

test('a lost phone, mended with the key before the log-in', async ({ clerk, page, hall }) => {
  await clerk.openLogIn();
  await page.getByRole('link', { name: '手机号码已停用' }).click();
  await clerk.field('新手机号码').fill(newPhone);
  await clerk.press('获取验证码');
  await clerk.field('新手机收到的验证码').fill(await hall.code(newPhone));
  await examine(page, 'lost-phone');
  await clerk.press('下一步：用钥匙确认');
  await clerk.allowSite();
  await clerk.press('用证书确认');
  await clerk.enterPIN();
  await clerk.sees('管理首页');
  await page.goto('/#/account/profile');
  await clerk.reads('139****0007');
});

test('devices are ended, the password is changed', async ({ clerk, page, anotherBrowser }) => {
  await clerk.logIn();
  const other = clerk.at(await (await anotherBrowser()).newPage());
  await other.logIn();
  await page.goto('/#/account/devices');
  await examine(page, 'devices');
  await clerk.press('退出其他全部设备');
  await clerk.reads('其他设备已全部退出。');
  await clerk.reads('没有其他设备。');
  await other.page.goto('/#/account/profile');
  await other.sees('登录');
  await other.logIn();

  await page.getByRole('link', { name: '登录记录' }).click();
  await clerk.sees('登录记录');
  await clerk.reads('成功');
  await examine(page, 'logins');

  await page.getByRole('link', { name: '修改密码' }).first().click();
  await clerk.sees('修改密码');
  await clerk.field('当前密码').fill('not the password');
  await clerk.field('新登录密码').fill('xin mima henhao');
  await clerk.field('确认新密码').fill('xin mima');
  await clerk.press('提交');
  await clerk.reads('两次输入的新密码不一样，请重新输入。');
  await clerk.field('确认新密码').fill('xin mima henhao');
  await clerk.press('提交');
  await expect(page.getByRole('alert')).toContainText('密码');
  await clerk.field('当前密码').fill(handler.ownPassword);
  await clerk.press('提交');
  await clerk.reads('修改成功。其他设备上的登录已退出，这台设备继续有效。');
  await examine(page, 'password');
  await other.page.goto('/#/account/devices');
  await other.sees('登录');
});

test('a favourite is kept and used', async ({ clerk, page }) => {
  await clerk.logIn();
  await page.goto('/#/account/favourites');
  await clerk.reads(/还没有收藏/);
  await page.getByRole('main').getByRole('link', { name: '我的证书' }).click();
  const star = page.getByRole('button', { name: '收藏 HT-2026-0001' });
  await star.click();
  await expect(star).toHaveAttribute('aria-pressed', 'true');
  await page.goto('/#/account/favourites');
  await clerk.reads('示例医疗器械有限公司');
  await examine(page, 'favourites');
  await page.getByRole('link', { name: '延期 HT-2026-0001' }).click();
  await page.waitForURL(/service|cases/);
});

test('an administrator looks after the organisation’s people', async ({ clerk, page, hall, anotherBrowser }) => {
  await hall.nameAdministrator(organisation, handler.phone);
  await clerk.logIn();
  await page.goto('/#/account/members');
  await clerk.field('对方的手机号码').fill(colleague);
  await clerk.press('发出邀请');
  await clerk.reads('已邀请 138****0002，并已用短信告知对方。');
  await clerk.reads('已邀请为经办人，尚未登录');
  await examine(page, 'members');

  const other = clerk.at(await (await anotherBrowser()).newPage());
  await other.logInByCode(colleague);
  await other.reads('您名下还没有证书');

  await page.reload();
  await page.getByRole('link', { name: '管理 138****0002' }).click();
  await clerk.press('分配 HT-2026-0003');
  await clerk.reads(/HT-2026-0003 现在由 138\*\*\*\*0002 经办。/);
  await other.page.goto('/#/certificates');
  await other.reads('HT-2026-0003');

  await clerk.press('设为管理员');
  await clerk.reads('把 138****0002 设为管理员吗？');
  await examine(page, 'member');
  await clerk.press('设为管理员');
  await clerk.reads('修改成功。');
  await clerk.press('更换手机号码');
  await clerk.field('新手机号码').fill(newPhone);
  await clerk.press('更换');
  await clerk.reads('修改成功。请告诉对方用新号码登录。');
  await clerk.press('移出单位');
  await clerk.reads(/他不再能看到和办理单位的证书/);
  await clerk.press('移出单位');
  await clerk.sees('单位成员');
  await expect(page.getByRole('main').getByText('139****0007')).toHaveCount(0);
});

test('by keyboard alone', async ({ clerk, page, clicks }) => {
  await clerk.openLogIn();
  await typeInto(page, clerk.field('用户名或手机号'), handler.name);
  await typeInto(page, clerk.field('密码'), handler.ownPassword);
  await page.keyboard.press('Enter');
  await clerk.sees('管理首页');
  await enter(page, page.getByRole('link', { name: '会员中心' }));
  await enter(page, page.getByRole('link', { name: '个人信息' }));
  await clerk.sees('个人信息');
  await enter(page, clerk.button('填写 真实姓名'));
  await page.keyboard.type('李四');
  await page.keyboard.press('Enter');
  await clerk.reads('修改成功。');
  await expect(clerk.button('修改 真实姓名')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(clerk.field('真实姓名')).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(clerk.button('修改 真实姓名')).toBeFocused();
  expect(clicks.made).toBe(0);
});
