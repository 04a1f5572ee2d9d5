module.exports = (event: any) => {
  console.log('trimming', event.data.text.length)
  const text = event.data.text.trim()
  return text ? { data: { ...event.data, text: text + process.env.SUFFIX } } : { error: { code: 17, reason: 'empty' } }
}
