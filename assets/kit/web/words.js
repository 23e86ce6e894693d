/** What the page says, in English and in Chinese: the English sentence is the key. */

const CHINESE = {
  "Loading the model …": "正在加载模型……",
  "Ready. The model was loaded in {seconds} s.": "就绪。模型加载用时 {seconds} 秒。",
  "Running …": "正在运行……",
  "The model took {time} ms, on {threads} threads of this browser.": "模型运行用时 {time} 毫秒，使用本浏览器的 {threads} 个线程。",
  "The model took {time} ms, on one thread of this browser.": "模型运行用时 {time} 毫秒，使用本浏览器的一个线程。",
  "Choose a picture": "选择图片",
  "or drop one here": "或拖放到此处",
  "The picture stays on this device: the model runs in this browser.": "图片不会离开这台设备：模型就在此浏览器中运行。",
  "Examples": "样例",
  "Check the examples": "检查样例",
  "This kit has no examples: there were no test pictures when it was made. Try it on your own.": "此部署包没有样例：制作时没有测试图片。请用您自己的图片试一试。",
  "All {count} answers are as expected.": "全部 {count} 个答案均与预期一致。",
  "{right} of {count} answers are as expected.": "{count} 个答案中有 {right} 个与预期一致。",
  "The answer": "答案",
  "As data (JSON)": "以数据形式查看（JSON）",
  "Copy": "复制",
  "Copied": "已复制",
  "This model looks at one body, face or hand. Draw a box around it; without one the whole picture is taken.": "此模型只看一个人体、一张脸或一只手。请在图上画框圈出它；不画框则使用整张图片。",
  "… and {count} more": "……还有 {count} 项",
  "yes": "是",
  "no": "否",
  "Class": "类别",
  "Score": "得分",
  "Present": "是否存在",
  "What": "项目",
  "Value": "数值",
  "a vector of {count} numbers": "{count} 维向量",
  "cosine with {name}": "与 {name} 的余弦相似度",
  "Size": "尺寸",
  "{width} x {height} pixels": "{width} × {height} 像素",
  "Lowest value (black)": "最小值（黑）",
  "Highest value": "最大值",
  "Mean": "平均值",
  "Point": "点",
  "Object": "目标",
  "Turned by": "旋转角度",
  "Points": "点数",
  "Pixels": "像素数",
  "no objects": "没有目标",
  "Number": "编号",
  "{count} of {all} say yes, from {threshold} on": "{all} 个中有 {count} 个为“是”（阈值 {threshold}）",
  "Share of the picture": "占图片的比例",
  "Output": "输出",
  "Shape": "形状",
  "Lowest": "最小值",
  "Highest": "最大值",
  "First numbers": "前几个数",
  "Text": "文字",
  "no text": "没有文字",
  "the expected answer": "与预期一致",
  "the expected answer; scores differ by up to {score}, as they do where another processor rounds differently": "与预期一致；得分最多相差 {score}，属于不同处理器舍入方式不同所致",
  "the expected answer; scores differ by up to {score}, places by up to {pixels} pixels, as they do where another processor rounds differently": "与预期一致；得分最多相差 {score}，位置最多相差 {pixels} 像素，属于不同处理器舍入方式不同所致",
  "NOT the expected answer: scores differ by up to {score}": "与预期不符：得分最多相差 {score}",
  "NOT the expected answer: scores differ by up to {score}, places by up to {pixels} pixels": "与预期不符：得分最多相差 {score}，位置最多相差 {pixels} 像素",
  "NOT the expected answer: {found} instead of {expected}": "与预期不符：得到 {found}，应为 {expected}",
  'NOT the expected answer: "{found}" instead of "{expected}"': "与预期不符：得到“{found}”，应为“{expected}”",
  "NOT the expected answer: other classes are present": "与预期不符：存在的类别不同",
  "NOT the expected answer: a vector of {found} numbers instead of {expected}": "与预期不符：得到 {found} 维向量，应为 {expected} 维",
  "NOT the expected answer: the cosine of the vectors is {cosine}": "与预期不符：向量的余弦相似度为 {cosine}",
  "NOT the expected answer: a picture of {found} pixels instead of {expected}": "与预期不符：得到 {found} 像素的图片，应为 {expected}",
  "NOT the expected answer: pixels differ by {difference} of 255 on average": "与预期不符：像素平均相差 {difference}（满值 255）",
  "NOT the expected answer: {found} points instead of {expected}": "与预期不符：得到 {found} 个点，应为 {expected} 个",
  "NOT the expected answer: points are moved by up to {pixels} pixels": "与预期不符：点的位置最多偏移 {pixels} 像素",
  "NOT the expected answer: {label} ({score}) was not found": "与预期不符：没有找到 {label}（{score}）",
  "NOT the expected answer: {label} ({score}) was found besides": "与预期不符：多找到了 {label}（{score}）",
  "NOT the expected answer: {found} scores instead of {expected}": "与预期不符：得到 {found} 个得分，应为 {expected} 个",
  "NOT the expected answer: {found} of {expected} decisions are others": "与预期不符：{expected} 个判断中有 {found} 个不同",
  "NOT the expected answer: a map of {found} cells instead of {expected}": "与预期不符：得到 {found} 的图，应为 {expected}",
  "NOT the expected answer: {share} of the pixels have another class": "与预期不符：{share} 的像素类别不同",
  "NOT the expected answer: an output has another shape": "与预期不符：某个输出的形状不同",
  "NOT the expected answer: numbers differ by up to {share} of the largest": "与预期不符：数值最多相差最大值的 {share}",
  "NOT the expected answer: {error}": "与预期不符：{error}",
  "This picture cannot be read: it may be damaged, of a kind that this browser does not know, or no picture at all. ({reason})": "无法读取此图片：它可能已损坏、格式不受此浏览器支持，或者根本不是图片。（{reason}）",
  "This picture has {width} x {height} pixels, which are too many.": "此图片有 {width} × {height} 像素，太大了。",
  "The box lies outside the picture.": "框在图片之外。",
  'The input "{name}" takes whole numbers from {low} to {high}, but was given numbers from {from} to {to}. Check mean and std in preprocessing.json.': "输入“{name}”只接受 {low} 到 {high} 的整数，但得到的是 {from} 到 {to} 的数。请检查 preprocessing.json 中的 mean 和 std。",
  "onnxruntime-web {version} does not load the model: {reason}": "onnxruntime-web {version} 无法加载模型：{reason}",
  "The model stopped while it was being run: {reason}": "模型在运行中停止：{reason}",
  "The runtime is missing: the folder {folder} lacks a file of onnxruntime-web. README.md says which files belong there, and where to get them.": "缺少运行库：文件夹 {folder} 中缺少 onnxruntime-web 的文件。README.zh.md 说明了需要哪些文件以及从哪里获取。",
  "A picture in expected.json cannot be read. Unpack the kit again.": "expected.json 中的图片无法读取。请重新解压部署包。",
  '"{file}" is missing or damaged. Unpack the kit again.': "“{file}”缺失或已损坏。请重新解压部署包。",
  "preprocessing.json is of another version than this page.": "preprocessing.json 与此页面的版本不同。",
  "Something unexpected went wrong: {reason}": "发生了意外错误：{reason}",
};

let language = (navigator.language ?? "en").toLowerCase().startsWith("zh") ? "zh" : "en";

export const LANGUAGES = { en: "English", zh: "中文" };

export const currentLanguage = () => language;

export function setLanguage(code) {
  language = code;
}

/** A sentence in the reader's language; values take the places of {names}. */
export function t(sentence, values = {}) {
  const text = language === "zh" ? (CHINESE[sentence] ?? sentence) : sentence;
  return text.replace(/\{(\w+)\}/g, (place, name) => (name in values ? String(values[name]) : place));
}

export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}%`;
